"""Clusters message by message, by the rules of ASTRA-sim. See ../README.md."""
