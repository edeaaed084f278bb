"""Painters of backgrounds (step 3a); one family a file."""
