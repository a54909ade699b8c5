"""Many trajectories: chunks of them, on any number of ranks, merged in their order."""
