"""Plain frozen data and pure functions; standard library and numpy only."""
