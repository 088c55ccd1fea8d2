"""Long chains of few choices: labels along the chain below the bounds of a dynamic program."""
