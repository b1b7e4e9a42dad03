"""Graph transformations: one file, one class each. `pipeline` puts them in order."""
