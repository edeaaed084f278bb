"""Whole methods: AGA, its rivals and the controls."""
