"""An engine that answers no scenario and says so."""
