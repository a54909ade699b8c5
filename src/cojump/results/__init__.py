"""What a run returns, and what is read off it."""
