"""Clusters by classes of ranks that do the same: one rank of each is simulated. See ../../README.md."""
