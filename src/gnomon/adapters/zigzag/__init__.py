"""ZigZag: temporal and spatial mappings with a model of stalls at the ports of memories."""
