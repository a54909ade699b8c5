"""What is measured along trajectories, and the statistics of it."""
