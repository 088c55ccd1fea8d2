"""What networks and their operators take on a machine that is here: measured, modelled, compared.

:mod:`mathdesign.devices` says what costs are and where they are kept; here they are made.
"""
