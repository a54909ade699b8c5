"""Fingerprints of everything that must be bit-identical."""

import hashlib

import h5py
import numpy as np


def of_arrays(*arrays):
    """SHA-256 of types, shapes and bytes."""
    digest = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        digest.update(f"{array.dtype.str} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def of_result(result):
    """Moments, co-moments, kept trajectories and number of jumps of a result."""
    return of_arrays(result.moments.mean, result.moments.comoment, result.trajectories, [result.n_jumps])


def of_file(path):
    """Every dataset and attribute stored for the points of a result file: {name: SHA-256 or value}."""
    found = {}

    def visit(name, item):
        found.update({f"{name}@{key}": str(value) for key, value in item.attrs.items()})
        if isinstance(item, h5py.Dataset):
            value = item[()]
            texts = [value] if isinstance(value, bytes) else value if value.dtype.kind == "O" else ()
            found[name] = [s.decode() for s in texts] if len(texts) else of_arrays(value)

    with h5py.File(path, "r") as file:
        file["points"].visititems(visit)
    return found
