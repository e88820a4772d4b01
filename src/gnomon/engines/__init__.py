"""Models of time, each a sealed room: an essay in its README and a class that joins its equations."""
