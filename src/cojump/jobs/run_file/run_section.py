"""The section ``[run]`` of a run file: the options of a run, and how long a job may go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from ...ensemble.options import Option, RunOptions, option, options_of
from ...errors import ArgumentError, printable
from ...model.unravellings import Unravelling, counting, heterodyne, homodyne, shifted
from ...tools.checks import output_times
from .arrays import complex_number
from .asked_states import built, read_averages, read_functions, read_particles, read_sums
from .observables import read_observables
from .system import in_section
from .tables import Section, boolean, integer, number, show, text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...model import Model


@dataclass(frozen=True, kw_only=True, eq=False)
class RunSection(RunOptions):
    """The options of a run and of the job that runs it, as a run file gives them."""

    walltime_seconds: float | None = option(
        "The job stops after this time, with exit status 75; the same command goes on.",
        default=None,
        kind=float,
        above=0,
        identity=False,
        example="3500",
    )
    checkpoint_seconds: float = option(
        "What is finished is forced to the disk at least so often.",
        default=30.0,
        kind=float,
        least=0,
        identity=False,
        example="30",
    )

    def options(self, model: Model) -> dict[str, Any]:
        """The options of the run alone, as a point of that model takes them; callbacks by their places in files."""
        made = {item.name: getattr(self, item.name) for item in fields(RunOptions)}
        polynomials = {label: [term.build(model) for term in terms] for label, terms in self.observables.items()}
        return {**made, "observables": polynomials, "distribution_of": built(self.distribution_of, model)}


OPTIONS = options_of(RunSection)
"""The keys of ``[run]``."""


def read_run(section: Section, times: NDArray[Any]) -> RunSection:
    """Check the section ``[run]``; what depends on the model is judged with it.

    Parameters
    ----------
    section : Section
    times : (T,) array
        The output times.

    Raises
    ------
    ArgumentError
        If a key is unknown or missing, or its value breaks a rule.
    """
    section.refuse_others(OPTIONS)
    values = {"n_traj": section.read("n_traj", integer, least=1)}
    for key, rule in OPTIONS.items():
        if key in section:
            values[key] = section.read(key, _READERS.get(key) or _single(rule))
    with in_section(section.name):
        run = RunSection(**values)
    if "min_traj" in section and "target_error" not in section:
        raise ArgumentError(section.label("min_traj"), "be given together with `target_error`", "that is missing")
    if "min_traj" in section and run.min_traj > run.n_traj:
        found = f"min_traj is {run.min_traj} and n_traj {run.n_traj}"
        raise ArgumentError(section.label("min_traj"), "be at most n_traj, or the target is never looked at", found)
    with in_section(section.name):
        if run.burn_in is not None or run.window is not None:
            from ...measure.time_windows import window_of

            window_of(times, run.burn_in, run.window)
        if "distributions" in section:
            output_times("distributions", run.distributions, times)
    return run


def _single(rule: Option) -> Callable[..., Any]:
    """The check of an option that is one number."""

    def checked(name: str, value: object, **limits: Any) -> Any:
        limits |= {key: getattr(rule, key) for key in ("least", "most", "above") if getattr(rule, key) is not None}
        return integer(name, value, **limits) if rule.kind is int else number(name, value, **limits)

    return checked


def _target(name: str, value: object) -> Mapping[str, float] | float:
    """Check a standard error for all averages, or a table of labels and errors; the labels are for the model."""
    if not isinstance(value, dict):
        return number(name, value, above=0)
    if not value:
        raise ArgumentError(name, "hold at least one label", "it is empty")
    targets: dict[str, float] = {}
    for label, error in _labels(value):
        if label in targets:  # spins.z = 0.01 and "spins.z" = 0.02 are different keys to TOML
            raise ArgumentError(f"{name}.{show(label)}", "be given once", "it is there with quotes and without")
        targets[label] = number(f"{name}.{show(label)}", error, above=0)
    return targets


def _labels(table: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """The entries of a table by label; spins.z = 0.01 without quotes is a table in a table to TOML."""
    found: list[tuple[str, Any]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            found += _labels(value, f"{before}{key}.")
        else:
            found.append((before + key, value))
    return found


def _times(name: str, value: object) -> tuple[float, ...]:
    if not isinstance(value, list) or not value:
        raise ArgumentError(name, "be a list of output times", f"it is {show(value)}")
    return tuple(number(f"{name}[{i}]", item, least=0) for i, item in enumerate(value))


def _averages(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(label, str) for label in value):
        raise ArgumentError(name, "be a list of labels of averages", f"it is {show(value)}")
    return tuple(value)


def _unravelling(name: str, value: object) -> Mapping[str, Unravelling]:
    """How each jump is detected: a table with its ``kind`` and what that takes."""
    if not isinstance(value, dict):
        raise ArgumentError(name, "be a table with the names of jumps", f"it is {show(value)}")
    made: dict[str, Unravelling] = {}
    for jump, table in value.items():
        section = Section(f"run.unravelling.{printable(jump)}", table)
        kind = section.read("kind", text, options=list(_DETECTIONS))
        keys, build = _DETECTIONS[kind]
        section.refuse_others(["kind", *keys], why=_NOT_OF[kind])
        with in_section(section.name):
            made[jump] = build(**{key: _value(section, key) for key in keys if key in section or key in _NEEDED})
    return made


def _value(section: Section, key: str) -> Any:
    if key == "beta":
        return complex_number(section.label(key), section.get(key))
    return section.read(key, number)


_NEEDED = ("beta", "phase")
_DETECTIONS: dict[str, tuple[tuple[str, ...], Callable[..., Unravelling]]] = {
    "counting": ((), counting),
    "shifted": (("beta",), shifted),
    "homodyne": (("phase", "efficiency", "error"), homodyne),
    "heterodyne": (("efficiency", "error"), heterodyne),
}
"""Keys and functions of the kinds of detection."""

_CLICKS_ALONE = {
    "error": "clicks have no steps in time that could be wrong",
    "efficiency": "all clicks of a trajectory are seen; of a detector that misses some tells cj.conditional in Python",
}
_NOT_OF: dict[str, dict[str, str]] = {
    "counting": {
        "beta": 'counting has no local oscillator; kind = "shifted" has',
        "phase": "photon counting sees no phase",
        **_CLICKS_ALONE,
    },
    "shifted": {"phase": "the phase is that of the complex number beta", **_CLICKS_ALONE},
    "homodyne": {"beta": 'a current has no clicks with a local oscillator of finite size; kind = "shifted" has'},
    "heterodyne": {
        "phase": "heterodyne detection has no phase: it measures both quadratures",
        "beta": 'a current has no clicks with a local oscillator of finite size; kind = "shifted" has',
    },
}
"""Why a kind of detection does not have a key of another one."""

_READERS: dict[str, Callable[..., Any]] = {
    "record": boolean,
    "observables": read_observables,
    "averages": _averages,
    "unravelling": _unravelling,
    "distributions": _times,
    "distribution_of": read_averages,
    "reduced": read_particles,
    "squeezing": read_sums,
    "callbacks": read_functions,
    "target_error": _target,
}
"""The checks of options that are more than one number."""
