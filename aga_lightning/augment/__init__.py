"""The plugin: an image and its class in, the same subject in front of another background out."""
