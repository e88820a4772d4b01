"""The kernel engine: a physical time of each GPU kernel, times a small bounded correction learned from measured rows."""
