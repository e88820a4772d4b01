"""What is made of a run that ended: checked byte by byte, read by what was registered, run again in part, salvaged."""
