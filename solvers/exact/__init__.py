"""Branch and bound over log-convex relaxations of chains."""
