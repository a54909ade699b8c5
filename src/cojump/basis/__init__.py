"""The block-permutation (Schur-Weyl) basis: sectors, one-particle moves, operators of a sector, and starts in it."""
