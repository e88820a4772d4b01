"""Whole networks: every layer mapped once, what was found kept, and their sums."""
