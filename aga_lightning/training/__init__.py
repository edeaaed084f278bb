"""Training: the data module, its loaders, and the classifiers."""
