"""Grids and searches over scenarios: points evaluated by processes, rows kept in a folder, resumed where they stopped."""
