"""Step 2: a background in words; one family of captioners a file."""
