"""Step 1b: which pixels are the subject; one family of segmenters a file."""
