"""Multiple-choice mixed-integer linear programs, through HiGHS and SciPy."""
