"""Tables of designs: many requests in one declaration, and what a person reads of the answers."""
