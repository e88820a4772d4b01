"""Outside tools: each in a Python environment of its own, run in a folder of its own, watched."""
