"""Traces of requests to language models, as others publish and record them."""
