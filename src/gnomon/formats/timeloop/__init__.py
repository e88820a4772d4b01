"""Timeloop's own YAML files: problem, architecture, mapping and energy tables become a problem, an accelerator, a nest."""
