"""Data sets: class names, and records of images for training and for evaluation."""
