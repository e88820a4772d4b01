"""Gnomon's own conventions: every iteration, every instance and every word counted, with nothing rounded on the way."""
