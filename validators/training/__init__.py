"""Short training runs, their data, and what they take of time and memory."""
