"""Unions: their members solved one after the other, the best so far a cutoff for the rest."""
