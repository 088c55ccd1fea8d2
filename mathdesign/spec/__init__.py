"""The words of a user: YAML in, a validated frozen specification out."""
