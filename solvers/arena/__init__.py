"""Static memory allocation, exactly: the least arena that holds buffers of known lives."""
