"""AccelForge: a search that is optimal within its space, with a model of time as words over bandwidth."""
