"""What trajectories are judged by, without sampling: mean field, fluctuations, master equation, attractors, bounds."""
