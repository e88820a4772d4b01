"""Traces of PyTorch, host and device linked: JSON as chakra_trace_link writes it -> nodes of a Chakra trace."""
