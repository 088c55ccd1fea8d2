"""Transformers: what one is made of, what it costs, and the programs that design one."""
