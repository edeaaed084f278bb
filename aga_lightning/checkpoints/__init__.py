"""Checkpoints: written whole, read as plain data, found by word, and compared with the data that they are used on."""
