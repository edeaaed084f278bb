"""Segmenters (step 1b) find the pixels of the subject; one family a file."""
