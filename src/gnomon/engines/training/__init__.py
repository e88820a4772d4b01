"""Clusters in training: what a step of a model takes on many NPUs. See README.md."""
