"""Branch and bound over slots with tree ensembles."""
