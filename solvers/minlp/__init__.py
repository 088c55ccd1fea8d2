"""The integer nonlinear program, through SCIP or any solver that Pyomo knows."""
