"""Editors: pictures made from other pictures by instructions in words."""
