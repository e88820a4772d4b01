"""Collective algorithms, each a small machine that takes turns between its memory and the network."""
