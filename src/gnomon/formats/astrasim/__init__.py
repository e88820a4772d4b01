"""ASTRA-sim's input files."""
