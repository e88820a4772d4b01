"""Experiments: registered before they run, and executed exactly as registered."""
