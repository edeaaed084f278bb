"""Train image classifiers on images whose backgrounds were changed and whose subjects were kept."""

__version__ = "0.1.0"
