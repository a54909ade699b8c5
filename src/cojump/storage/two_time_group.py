"""Two-time functions in a result file: samples of trajectories, which everything is made of, and what theory says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..results.measured_two_time import MeasuredTwoTime
from ..results.two_time import coincidences_of, two_time_of
from ..theory.two_time import Coincidences, TwoTime, check_span, check_taus
from ..tools import checks
from ..tools.types import Array
from .hdf5 import Group, text_of, write_array

_KINDS = ("two_time", "g2")
_THEORY = ("exact", "limit")


def write_two_time(group: Group, functions: Mapping[str, MeasuredTwoTime]) -> None:
    """Write the functions in their order, a group for each."""
    for number, (name, found) in enumerate(functions.items()):
        own, sampled = group.create_group(str(number)), found.sampled
        own.attrs.update(name=name, kind=_KINDS[found.is_g2], of=json.dumps(found.of), start=float(sampled.start or 0))
        own.attrs.update(seed=str(sampled.seed), tolerance=float(sampled.tolerance), damping=float(found.damping))
        own["facts"] = json.dumps(found.facts)
        write_array(own, "taus", sampled.taus)
        write_array(own, "omegas", found.omegas)
        write_array(own, "samples", _pairs(sampled.samples))
        if not found.is_g2:
            own.attrs["n_particles"] = int(getattr(sampled, "n_particles", 0))
            write_array(own, "reference", _pairs(getattr(sampled, "reference", np.zeros(0))))
        for kind in _THEORY:
            own.attrs[f"{kind}_refusal"] = getattr(found, f"{kind}_refusal")
            theory = getattr(found, kind)
            if theory is not None:
                _write_theory(own.create_group(kind), theory)


def _write_theory(group: Group, theory: TwoTime | Coincidences) -> None:
    write_array(group, "mean", _pairs(theory.mean))
    if isinstance(theory, TwoTime):
        write_array(group, "connected", _pairs(theory.connected))
    else:
        group.attrs["intensity"] = float(theory.intensity)
        write_array(group, "later", theory.later)


def read_two_time(group: Any) -> dict[str, MeasuredTwoTime]:
    """The functions of a point by name; ValueError if their parts do not fit together."""
    found: dict[str, MeasuredTwoTime] = {}
    for number in range(len(group)):
        one = _read(group[str(number)])
        if one.name in found:
            raise ValueError(f"two two-time functions are called {checks.shown(one.name)}")
        found[one.name] = one
    return found


def _read(group: Any) -> MeasuredTwoTime:
    attrs = group.attrs
    kind, of = str(attrs["kind"]), json.loads(attrs["of"])
    if kind not in _KINDS or not isinstance(of, list) or len(of) != (1 if kind == "g2" else 2):
        raise ValueError(f"a two-time function is of the kind {checks.shown(kind)}")
    taus = check_taus(group["taus"][()])
    start, seed, tolerance = check_span(float(attrs["start"]), taus), int(attrs["seed"]), float(attrs["tolerance"])
    width, stored = 2 * len(taus) + 1, group["samples"][()]
    if stored.shape[:1] == (0,) or stored.shape[1:] != ((width,) if kind == "g2" else (width, 2)):
        raise ValueError(f"the samples of a two-time function have the shape {stored.shape}")
    sampled: Any
    if kind == "g2":
        sampled = coincidences_of(taus, start, seed, tolerance, stored)
    else:
        n, reference = checks.integer("n_particles", int(attrs["n_particles"]), 1), _complex(group["reference"][()])
        if reference.shape != (len(taus) + 1,):
            raise ValueError(f"the mean field of a two-time function has the shape {reference.shape}")
        sampled = two_time_of(taus, start, n, seed, tolerance, _complex(stored), reference)
    facts = json.loads(text_of(group["facts"]))
    omegas = group["omegas"][()]
    if not isinstance(facts, dict) or omegas.ndim != 1:
        raise ValueError("what says which two-time function it is is no table")
    theory = {kind: _read_theory(group[kind], sampled) for kind in _THEORY if kind in group}
    return MeasuredTwoTime(
        name=str(attrs["name"]),
        of=tuple(map(str, of)),
        sampled=sampled,
        exact_refusal=str(attrs["exact_refusal"]),
        limit_refusal=str(attrs["limit_refusal"]),
        omegas=omegas,
        damping=float(attrs["damping"]),
        facts=facts,
        **theory,
    )


def _read_theory(group: Any, sampled: Any) -> Any:
    shape = sampled.taus.shape
    if "connected" in group:
        mean, connected = _complex(group["mean"][()]), _complex(group["connected"][()])
        if mean.shape != shape or connected.shape != shape:
            raise ValueError("the theory of a two-time function has other delays")
        return TwoTime(sampled.taus, sampled.start, sampled.n_particles, mean, connected)
    mean, later = group["mean"][()], group["later"][()]
    if mean.shape != shape or later.shape != shape:
        raise ValueError("the theory of g² has other delays")
    return Coincidences(sampled.taus, sampled.start, mean, float(group.attrs["intensity"]), later)


def _pairs(values: Any) -> Array:
    """(.., 2) real and imaginary parts of complex numbers; real ones as they are."""
    array = np.ascontiguousarray(values)
    return array.view(np.float64).reshape(*array.shape, 2) if np.iscomplexobj(array) else array


def _complex(stored: Array) -> Any:
    """Complex numbers of real and imaginary parts."""
    if stored.ndim < 2 or stored.shape[-1] != 2:
        raise ValueError(f"complex numbers are stored in the shape {stored.shape}")
    return np.ascontiguousarray(stored, dtype=np.float64).view(np.complex128)[..., 0]
