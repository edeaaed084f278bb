"""Networks by name, and their weights: built, read from files, and fitted to other classes."""
