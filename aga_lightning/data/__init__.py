"""Where images come from: data sets, transforms and the data module."""
