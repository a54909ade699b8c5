"""Ranks: what the ensemble asks of them, one process alone, and MPI."""
