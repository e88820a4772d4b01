"""An engine of one number: the smallest plug-in that answers."""
