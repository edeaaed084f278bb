"""Studies: arms x backbones x seeds by one command, and their report."""
