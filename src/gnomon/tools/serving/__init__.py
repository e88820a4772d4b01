"""What adapters of tools for LLM services share: the shape of a model, what a stream amounts to, and how an answer is told."""
