"""Is the objective worth anything? Its picks against tables of networks that were really trained."""
