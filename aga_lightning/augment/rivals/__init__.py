"""The rivals of AGA, and its controls: whole methods, each behind the same seam, to be compared in one frame."""
