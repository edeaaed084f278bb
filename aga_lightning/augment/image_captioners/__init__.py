"""What a photo shows, in words."""
