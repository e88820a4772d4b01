"""Search for mappings: the space, bounds over it, and the best that is found in it."""
