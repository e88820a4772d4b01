"""The roofline: each operator takes the larger of its compute time and its memory time, and a launch."""
