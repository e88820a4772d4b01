"""The trace of some ranks made to that of another number of them."""
