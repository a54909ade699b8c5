"""A run from its file to its end: points, directory, signals, what is told of it."""
