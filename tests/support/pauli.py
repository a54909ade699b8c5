"""The matrices of one spin one half, in the order (up, down)."""

import numpy as np

X = np.array([[0, 1], [1, 0]], dtype=complex)
Y = np.array([[0, -1j], [1j, 0]], dtype=complex)
Z = np.array([[1, 0], [0, -1]], dtype=complex)
PAULI = X, Y, Z
ONE = np.eye(2, dtype=complex)
RAISE = np.array([[0, 1], [0, 0]], dtype=complex)
LOWER = np.array([[0, 0], [1, 0]], dtype=complex)
