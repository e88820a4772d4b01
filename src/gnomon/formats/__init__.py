"""Files from outside become core types here, and errors get their place: file, line, field."""
