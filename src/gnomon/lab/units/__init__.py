"""One unit: who runs it, held to its folder, the numbers read from it, and why it does not count."""
