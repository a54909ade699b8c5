"""Arrays, texts and moments in HDF5."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from h5py import Dataset, File, Group, HardLink, check_string_dtype, h5o, h5z, string_dtype

from ..errors import ArgumentError
from ..measure.moments import Moments, Tails
from ..tools import checks

_OBJECT, _CHUNK, _ATTRIBUTE, _TEXTS = 1000, 2**20, 2**20, 100_000
"""Of what a file holds: bytes that each object counts for, the least size of chunks that is fine, the most bytes of an
attribute, and the most texts in a dataset."""

_TAILS = ("shift", "cubes", "fourths")

__all__ = ["Dataset", "File", "Group", "HardLink", "check_string_dtype", "h5o", "h5z", "string_dtype"]


def write_moments(group: Group, moments: Moments) -> None:
    """Write count, means and co-moments."""
    group.attrs["count"] = int(moments.count)
    write_array(group, "mean", moments.mean)
    write_array(group, "comoment", moments.comoment)
    if moments.tails is not None:
        group["followed"] = np.ascontiguousarray(moments.tails.followed, dtype=np.int64)
        for name in _TAILS:
            write_array(group, name, getattr(moments.tails, name))


def read_tails(group: Group) -> tuple[Any, ...]:
    """The three arrays of the tails; nothing in an older file."""
    return tuple(group[name][()] for name in _TAILS) if _TAILS[0] in group else ()


def read_moments(group: Group, pairs: Any) -> Moments:
    """Moments of one meter; their tails only if they fit."""
    moments = Moments(pairs, int(group.attrs["count"]), group["mean"][()], group["comoment"][()])
    arrays = read_tails(group)
    if arrays:
        followed = group["followed"][()]
        empty = Tails.empty(moments.mean.shape, pairs, followed)
        if any(array.shape != empty.shift.shape for array in arrays):
            raise ValueError(f"the tails have another shape than {empty.shift.shape}")
        moments.tails = Tails(empty.followed, empty.variances, *arrays)
    return moments


def plain_value(value: Any) -> Any:
    """Numpy scalars and arrays among the parameters, as JSON knows them."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise ArgumentError("parameters", "hold numbers, strings and lists", f"one is {checks.shown(value)}")


def write_array(group: Group, name: str, value: Any) -> None:
    """Write numbers with a checksum of their own."""
    array = np.ascontiguousarray(value, dtype=np.float64)
    # An empty array has no chunk to check; one of zeros (a point without trajectories) needs no room.
    zeros = array.size > 0 and not array.any()
    group.create_dataset(name, data=array, fletcher32=array.size > 0, compression="gzip" if zeros else None)


class Allowance:
    """Bytes that may still be read from a file, and the objects in it that have been."""

    def __init__(self, nbytes: int) -> None:
        self._left, self._seen = nbytes, set[int]()

    def take(self, nbytes: int) -> None:
        """Count bytes before they are read."""
        self._left -= nbytes
        if self._left < 0:
            raise ValueError("it declares more than fits in memory")

    def visit(self, item: Any) -> None:
        """Count an object; one that stands in the file twice makes a loop, or much of little."""
        address = h5o.get_info(item.id).addr
        if address in self._seen:
            raise ValueError("one object stands in it under two names")
        self._seen.add(address)
        self.take(_OBJECT)


class Sealed:
    """A group of a file that anybody may have made: only plain objects that are in it, and only what fits in memory.

    HDF5 itself follows links and storage into other files, runs filters it finds, and makes room for whatever sizes are
    declared. This shows a group, its datasets and its attributes as h5py does, and refuses such things with ValueError.
    """

    def __init__(self, group: Group, allowance: Allowance) -> None:
        self._group, self._allowance = group, allowance
        self._found: dict[str, Any] = {}
        self.attrs = _SealedAttributes(group, allowance)

    def __iter__(self) -> Iterator[str]:
        return iter(self._group)

    def __len__(self) -> int:
        return len(self._group)

    def __contains__(self, name: str) -> bool:
        return name in self._group

    def __getitem__(self, name: str) -> Any:
        first, _, rest = name.partition("/")
        if first not in self._found:
            self._found[first] = self._open(first)
        return self._found[first][rest] if rest else self._found[first]

    def _open(self, name: str) -> Any:
        link = self._group.get(name, getlink=True)
        if link is None:
            raise KeyError(f"{name} is missing")
        if not isinstance(link, HardLink):
            raise ValueError(f"{name} is a link, not an object of the file")
        item = self._group[name]
        self._allowance.visit(item)
        if isinstance(item, Dataset):
            return _SealedDataset(item, name, self._allowance)
        if not isinstance(item, Group):
            raise ValueError(f"{name} is neither a group nor a dataset")
        return Sealed(item, self._allowance)


class _SealedDataset:
    """A dataset of numbers or of texts that is stored in the file itself, read as a whole by ``[()]``."""

    def __init__(self, dataset: Dataset, name: str, allowance: Allowance) -> None:
        self._dataset, self._name, self._allowance = dataset, name, allowance
        layout = dataset.id.get_create_plist()
        if layout.get_external_count() or dataset.is_virtual:
            raise ValueError(f"{name} is stored in another file")
        filters = [layout.get_filter(i)[0] for i in range(layout.get_nfilters())]
        if len(set(filters)) != len(filters) or set(filters) - {h5z.FILTER_DEFLATE, h5z.FILTER_FLETCHER32}:
            raise ValueError(f"{name} is stored through a filter that cojump does not use")
        self._texts = check_string_dtype(dataset.dtype) is not None
        if not self._texts and (dataset.dtype.kind not in "fiub" or dataset.dtype.itemsize > 8):
            raise ValueError(f"{name} has the type {dataset.dtype}")
        if dataset.shape is None:
            raise ValueError(f"{name} has no content")
        if dataset.chunks is not None and dataset.dtype.itemsize * prod(dataset.chunks) > max(dataset.nbytes, _CHUNK):
            raise ValueError(f"{name} is stored in chunks that are larger than it is")
        if h5z.FILTER_DEFLATE in filters:  # only zeros are stored so: all else would be smaller than it unpacks to
            chunks = dataset.id.get_num_chunks()
            if dataset.id.get_storage_size() > dataset.nbytes // 400 + 100 * (chunks + 1):
                raise ValueError(f"{name} is compressed and not zero")
        elif not self._texts and dataset.nbytes > max(dataset.id.get_storage_size(), 0):
            raise ValueError(f"{name} declares {dataset.nbytes:,} bytes and holds {dataset.id.get_storage_size():,}")

    def asstr(self) -> _SealedDataset:
        """The dataset, which must hold texts."""
        if not self._texts:
            raise ValueError(f"{self._name} holds no text")
        return self

    def __getitem__(self, everything: tuple[()]) -> Any:
        if not self._texts:
            self._allowance.take(self._dataset.nbytes)
            return self._dataset[()]
        if self._dataset.size > _TEXTS or self._dataset.ndim > 1:
            raise ValueError(f"{self._name} holds {self._dataset.size:,} texts")
        lines = self._dataset.asstr()
        found = [self._counted(lines[place]) for place in np.ndindex(self._dataset.shape)]
        return found if self._dataset.shape else found[0]

    def _counted(self, text: Any) -> str:
        self._allowance.take(4 * len(text))
        return str(text)


class _SealedAttributes:
    """The attributes of a group: short texts, numbers, small arrays of numbers."""

    def __init__(self, group: Group, allowance: Allowance) -> None:
        self._group, self._allowance = group, allowance

    def __getitem__(self, name: str) -> Any:
        if name not in self._group.attrs:
            raise KeyError(f"the attribute {name} is missing")
        attribute = self._group.attrs.get_id(name)
        if attribute.get_storage_size() > _ATTRIBUTE:
            raise ValueError(f"the attribute {name} has {attribute.get_storage_size():,} bytes")
        dtype = attribute.dtype
        if check_string_dtype(dtype) is None and dtype.kind not in "fiubSU":
            raise ValueError(f"the attribute {name} has the type {dtype}")
        value = self._group.attrs[name]
        self._allowance.take(4 * len(value) if isinstance(value, str) else 0)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """The attribute, or the default if it is missing."""
        return self[name] if name in self._group.attrs else default


def text_of(dataset: Any) -> str:
    """The text in a dataset."""
    return dataset.asstr()[()]
