"""Independent checks of a design. Nothing here imports a solver."""
