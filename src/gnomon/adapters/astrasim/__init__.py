"""ASTRA-sim: its analytical backends, congestion-unaware and congestion-aware."""
