"""Adapters of outside tools: each translates a question into the tool's input, runs it, and reads what it says."""
