"""A training step from a scenario: programs of stages, their times, what they keep in memory."""
