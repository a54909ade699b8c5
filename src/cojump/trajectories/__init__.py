"""One trajectory: no-jump evolution, waiting times, jumps, and what is measured along the way."""
