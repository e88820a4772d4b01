"""LLM services: requests, batches and their latencies. README.md tells what is predicted and from what."""
