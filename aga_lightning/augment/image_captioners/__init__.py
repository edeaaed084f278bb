"""Image captioners: photos in words."""
