"""The log-convex relaxation, through cvxpy."""
