"""Transformers under budgets: the words, the program, the answer, how it is shown."""
