"""Words that specifications of every kind share, and how faults in them are told."""
