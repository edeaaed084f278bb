"""Detectors (step 1a) find the subject; one family a file."""
