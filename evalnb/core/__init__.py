"""The arithmetic of evalnb: numpy and the standard library alone."""
