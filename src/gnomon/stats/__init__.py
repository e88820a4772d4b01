"""Errors, ranks and intervals: arrays in, numbers out."""
