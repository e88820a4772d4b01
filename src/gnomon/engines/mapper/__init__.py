"""Spatial accelerators: what a mapping of a tensor operation moves, takes and costs, in the class of Timeloop."""
