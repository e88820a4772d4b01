"""Which requests a replica puts in its next batch: a file for each policy.

Each has `FOLLOWS`, the software and its version, and `form`, which fills a slot and returns how many requests are in it.
"""
