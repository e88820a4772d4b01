"""The spec: its shape, how it is written, read and checked, what it unrolls to, and how it is bound to its bytes."""
