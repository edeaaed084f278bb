"""Pictures made of other pictures, as words ask."""
