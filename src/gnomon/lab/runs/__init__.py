"""A run from preflight to seal: the protocol, what ends it, and what is written of it."""
