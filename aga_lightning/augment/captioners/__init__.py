"""Captioners (step 2) describe a background in words; one family a file."""
