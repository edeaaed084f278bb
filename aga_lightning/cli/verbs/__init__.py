"""The verbs of our own that are more than one call."""
