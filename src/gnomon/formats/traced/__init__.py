"""Graphs traced from programs: what they call, and the rules that turn each call into operators with shapes."""
