"""Additive programs of slots: a dynamic program along the slots, and labels below its bounds."""
