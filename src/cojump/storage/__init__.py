"""Files of results and of chunks."""
