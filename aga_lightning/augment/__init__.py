"""The plugin: an image and its class in, the same subject before another background out."""
