"""Times of collectives and messages on networks of GPUs, as NCCL makes them. README.md is the essay."""
