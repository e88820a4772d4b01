"""Chakra execution traces: one file per rank, and back."""
