"""What a person reads: tables and pictures of a design."""
