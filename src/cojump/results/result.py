"""The result of an ensemble of trajectories."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, StorageError
from ..measure.averages import Averages, OrderParameters
from ..measure.callbacks import shape_of
from ..measure.certainty import LEAST, NOISE, Chance, Flags, Ground, ground_of, seen_by
from ..measure.distributions import Distribution, distribution_of, names_of
from ..measure.jump_counts import Activity, Counts, activity_of, counts_of
from ..measure.particle_states import matrices_of, particles_of
from ..measure.squeezing import blocks_of, squeezing_of
from ..measure.statistics import Estimates, Extra
from ..measure.time_windows import PREFIX, Stationary, row_of, stationary_of
from ..model import Model
from ..model.final_states import FinalStates
from ..model.states import Mixture, State
from ..tools.labelled import Average
from ..tools.numbers import format_number, format_value
from ..tools.summaries import Summarised, counted, facts, few, more, span, table
from ..tools.types import Array
from .continuation import Identity, Rest
from .jump_records import JumpRecords, jump_names
from .measured_two_time import MeasuredTwoTime
from .setup import Setup


@dataclass(frozen=True, eq=False, repr=False)
class Theory(Summarised):
    """Fluctuation theory beside the trajectories, for N → ∞; see :mod:`cojump.fluctuations`.

    Attributes
    ----------
    covariance : (T, A, A) array
        lim of ``Result.covariance``.
    correction : (T, A) array
        δ = lim N (<m_a> - m̄_a).
    deviation : (T,) array
        lim N·E_N.
    order_correction : (T, P) array
        δ of the P order parameters, which are linear in the averages.
    """

    covariance: Array
    correction: Array
    deviation: Array
    order_correction: Array

    def _title(self) -> str:
        return f"Theory at order 1/N: {counted(len(self.deviation), 'time')}; .covariance, .correction, .deviation"


_NEEDS = {
    "stationary": ("be averaged over a measurement window: give `burn_in` or `window`", "this run had neither"),
    "order": ("belong to a model with order parameters", "this one has none"),
    "observables": ("be asked for: give `observables`", "this run had none"),
    "distribution": ("be asked for: give `distributions`, output times", "this run had none"),
    "activity": ("be counted between two output times", "this run has one"),
    "spin": ("belong to a block of two levels", "this model has none"),
    "squeezing": ("belong to a block of two levels", "this model has none"),
    "callbacks": ("be asked for: give `callbacks`", "this run had none"),
    "current": ("come of homodyne or heterodyne detection: give `unravelling`", "this run counts all jumps"),
    "photons": ("belong to a boson mode of which x and y are measured", "this model has none"),
}
"""What figures beside the averages come from, and what the lack of them says about a run."""


def _not_there(name: str, what: str, result: Result) -> ArgumentError:
    """Why a result has no figures of this name."""
    part, _, inner = name.partition("/")
    if part + "/" == PREFIX and any(n.startswith(PREFIX) for n in result.extras):  # the window is there
        part = inner
    rule, found = _NEEDS.get(part, ("be among what the run has measured", "it is not"))
    return ArgumentError(what, rule, found)


def _rows(groups: Sequence[Averages]) -> Iterator[tuple[str, str]]:
    """Value ± error and mean field of each average at the first time."""
    for group in groups:
        for a in range(len(group.labels)):
            value, error, reference = group.mean[0, a], group.mean_stderr[0, a], group.reference[0, a]
            doubt = group.uncertain is not None and bool(group.uncertain[0, a])
            yield format_value(value, error, doubt), format_number(reference, error)


@dataclass(frozen=True, eq=False, repr=False)
class Result(Averages):
    """An ensemble of trajectories, reduced. Averages are per block, (1/N_b) Σ_k; T times, A observables.

    Attributes
    ----------
    times, labels, n_particles, weights, reference, moments
        As for :class:`~cojump.measure.averages.Averages`, with labels "block.x" and the weights of the orthonormal
        basis.
    trajectories : (keep, T, A) array
        <m_a> along the first ``keep`` trajectories.
    seed, tolerance
        As given to ``simulate``.
    n_jumps : int
        Jumps in all trajectories together.
    parameters : mapping
        What distinguishes this point of a sweep, from the run file.
    extras : mapping of str to Extra
        Further statistics by the name of their meter; the properties below read them.
    theory : Theory, optional
        What is expected at order 1/N; runs from a run file have it where the theory holds.
    theory_refusal : str
        Why there is none in a run from a run file.
    chance : Chance, optional
        What can differ between trajectories; with it the result knows which of its errors are uncertain.
    jump_records : JumpRecords, optional
        The jumps of all trajectories, of a run with ``record=True``; ``jump_records[i]`` are those of trajectory i.
    records : (keep, T, C) array
        What the record of each current has gained along these trajectories from one output time to the next, the first
        from t = 0: ∫dY, labels ``current.labels``. C = 0 where all jumps are counted.
    setup : Setup, optional
        What ``model()`` and ``state()`` read; None in files of schemas 1 to 3.
    kept_states : FinalStates, optional
        What ``final`` reads.
    identity : Identity, optional
        Which run it is of: what ``simulate(..., extend=result)`` and ``cojump.merge`` compare. None in files of
        schema 1, and of results that scripts have saved before schema 5.
    rest : Rest, optional
        The partial last chunk, if the last chunk is one; without it the run cannot go on.
    merged : tuple of (seed, n_traj)
        Of a result that ``cojump.merge`` has made of several, in their order.
    two_time : mapping of str to MeasuredTwoTime
        Two-time functions and g² by name, of a run whose run file has the section ``[two_time]``.
    """

    trajectories: Array
    seed: int
    tolerance: float
    n_jumps: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    extras: Mapping[str, Extra] = field(default_factory=dict)
    theory: Theory | None = None
    theory_refusal: str = ""
    chance: Chance | None = None
    setup: Setup | None = None
    kept_states: FinalStates | None = None
    jump_records: JumpRecords | None = None
    records: Array = field(default_factory=lambda: np.empty((0, 0, 0)))
    identity: Identity | None = None
    rest: Rest | None = None
    merged: tuple[tuple[int, int], ...] = ()
    two_time: Mapping[str, MeasuredTwoTime] = field(default_factory=dict)

    @property
    def seeds(self) -> dict[int, int]:
        """How many trajectories come of each seed: of more than one if ``cojump.merge`` has made the result."""
        return dict(self.merged) if self.merged else {self.seed: self.n_traj}

    @property
    def final(self) -> FinalStates:
        """The pure states of the kept trajectories (``keep``) at the last output time.

        Another run goes on from them, with the same model or another one of the same blocks and modes (a quench):
        ``cj.simulate(model, result.final, times, n_traj=...)``, with times that begin at 0 again. Trajectory i goes on
        from where trajectory i mod K has stopped; see :class:`cojump.model.final_states.FinalStates`.

        Raises
        ------
        ArgumentError
            If no trajectory was kept, or an earlier cojump has kept their series alone.
        """
        if self.kept_states is None or not self.kept_states.states:
            found = "an earlier cojump kept their series alone" if len(self.trajectories) else "this run kept none"
            raise ArgumentError("final", "be of trajectories that are kept: give `keep`, how many", found)
        return self.kept_states

    def model(self) -> Model:
        """The model: the very one that was given to ``simulate``, or made again from what the file of the result holds.

        A file has all matrices, sizes and options, and the functions of the named systems and of numpy. Where a run
        file names a function in a file of yours, that file is stored, and executed here if it has to be: ask only files
        that you trust.

        Raises
        ------
        StorageError
            If the file holds no model, being of an older cojump; or if a term has another Python function, which no
            file holds: the message names it.
        """
        model = self._setup.model()
        every = {o.label for o in model.all_averages()} | {q.label for q in model.all_quadratures()}
        if model.labels != self.labels and set(self.labels) <= every:
            model = replace(model, averages=self.labels)  # a function of the user's makes it with all of them
        if model.labels != self.labels or model.size != self.n_particles:
            found = f"N = {model.size:,} and the averages {few(model.labels)}"
            raise StorageError(f"the model that is stored with the result is another one: it has {found}")
        return model

    def state(self) -> State | Mixture | FinalStates:
        """The state at t = 0, in memory or from the file; StorageError as for ``model``."""
        return self._setup.state()

    @property
    def _setup(self) -> Setup:
        if self.setup is None:
            raise StorageError("the result holds no model and no state: its file was written by an older cojump")
        return self.setup

    def _title(self) -> str:
        many = counted(self.n_traj, "trajectory")
        return f"Result of {many}: N = {self.n_particles:,}, {span(self.times)}"

    def _at_end(self) -> Result:
        """The result at the last output time alone: what is shown of it is not made for all other times."""
        T = len(self.times)
        extras = {
            name: replace(e, times=e.times[-1:], reference=e.reference[-1:], moments=e.moments.at_end())
            for name, e in self.extras.items()
            if len(e.times) == T
        }
        return replace(
            self,
            rest=None,
            times=self.times[-1:],
            reference=self.reference[-1:],
            moments=self.moments.at_end(),
            trajectories=self.trajectories[:, -1:],
            records=self.records[:, -1:],
            extras=extras,
        )

    def _lines(self) -> list[str]:
        kept, ends = len(self.trajectories), self.kept_states.states if self.kept_states is not None else ()
        lines = facts(
            ("point", ", ".join(f"{key} = {value}" for key, value in self.parameters.items())),
            ("averages", f"{few(self.labels)}; per particle of the block"),
            ("seeds" if self.merged else "seed", f"{self.seeds_in_words()}; tolerance {self.tolerance:g}"),
            ("jumps", self._jumps_in_words()),
            ("series", f"of the first {counted(kept, 'trajectory')}" if kept else ""),
            ("ends", f".final, the states of {counted(len(ends), 'trajectory')}" if ends else ""),
            ("measured", ", ".join(self._measured())),
            ("two-time", f".two_time, of {few(list(self.two_time))}" if self.two_time else ""),
            ("theory", self._theory_in_words()),
        )
        if not self.n_traj or not len(self.times):
            return lines
        end = self._at_end()
        groups = [*([end.order] if "order" in end.extras else []), end]
        names = [label for group in groups for label in group.labels]
        lines += table((f"at t = {self.times[-1]:g}", "value ± error", "mean field"), names, _rows(groups))
        found = f'["{self.labels[0]}"], .mean, .covariance, .deviation, each with its _stderr; .model(), .save(path)'
        return lines + more(f"{found}; cojump.longtime, cojump.reduced")

    def seeds_in_words(self) -> str:
        """The seed; of a merged result all of them, with how many trajectories each has given."""
        return few([f"{seed} ({n:,})" for seed, n in self.merged]) if self.merged else str(self.seed)

    def _jumps_in_words(self) -> str:
        if not self.n_jumps or not self.n_traj:
            return f"{self.n_jumps:,}"
        return f"{self.n_jumps:,} in all, {self.n_jumps / self.n_traj:,.4g} in a trajectory"

    def _measured(self) -> list[str]:
        """The attributes that further statistics are read with."""
        names = ["observables" if name == "products" else name.split("/")[0] for name in self.extras]
        found = {name: f".{name}" for name in names if not name.startswith(PREFIX.split("/")[0])}
        if "distribution" in found:
            found["distribution"] = ".distribution(block)"
        if "reduced" in found:
            found["reduced"] = "cojump.reduced.particles"
        kinds = {"averages": "", "order": "_order", "observables": "_observables"}
        return [*found.values(), *(f".stationary{end}" for kind, end in kinds.items() if PREFIX + kind in self.extras)]

    def _theory_in_words(self) -> str:
        return ".theory, what is expected at order 1/N" if self.theory is not None else self.theory_refusal

    def _seen(self, times: Array) -> Array | None:
        """(T', L) effective number of trajectories that have jumped in each channel by each of these output times."""
        counts = self.extras.get("counts")
        if counts is None:
            return None
        m = counts.moments
        rows = np.searchsorted(self.times, times)
        return seen_by(m.count, m.mean[rows, :-1], m.comoment[rows, :-1])

    @cached_property
    def _healthy(self) -> Flags:
        """(T, A) averages whose spread is carried by enough trajectories, whatever it is."""
        assert self._effective is not None
        with np.errstate(invalid="ignore"):
            return self._effective[:, : len(self.labels)] >= LEAST

    def _ground_of(self, coefficients: Array, times: Array) -> Ground | None:
        seen = self._seen(times)
        if self.chance is None or seen is None or self._effective is None:
            return None
        healthy = self._healthy[np.searchsorted(self.times, times)]
        return ground_of(self.chance, coefficients, times, self.n_traj, seen, healthy, self.tolerance)

    @cached_property
    def _ground(self) -> Ground | None:
        return self._ground_of(np.eye(len(self.labels)), self.times)

    def _constant(self, times: Array, needed: Array) -> Flags | None:
        """(T', n) whether figures that depend on these averages, (n, A), must agree where their trajectories do."""
        ground = self._ground_of(needed, times)
        return None if ground is None else ground.constant

    def _of_block(self, block: str) -> Array:
        """(1, A) the averages of one block."""
        return np.array([[float(label.rsplit(".", 1)[0] == block) for label in self.labels]])

    def _extra(self, name: str, what: str) -> Extra:
        if name not in self.extras:
            raise _not_there(name, what, self)
        return self.extras[name]

    def _averages(self, name: str, what: str) -> OrderParameters:
        e = self._extra(name, what)
        ground = None
        if self.chance is not None:
            maps = np.eye(len(self.labels)) if name.endswith("averages") else self.chance.order
            ground = self._ground_of(maps, e.times)
        return OrderParameters(
            e.times, e.labels, self.n_particles, np.ones(len(e.labels)), e.reference, e.moments, ground
        )

    @cached_property
    def order(self) -> OrderParameters:
        """Order parameters of the model (the overlaps of a Hopfield network) with their full covariance."""
        return self._averages("order", "order")

    def _stationary(self, name: str, what: str) -> Stationary:
        interval = self._extra(PREFIX + name, what).interval
        assert interval is not None
        return stationary_of(self._averages(PREFIX + name, what), interval)

    @cached_property
    def stationary(self) -> Stationary:
        """Averages of the blocks over the measurement window (``burn_in`` or ``window`` of the run)."""
        return self._stationary("averages", "stationary")

    @cached_property
    def stationary_order(self) -> Stationary:
        """Order parameters over the measurement window."""
        return self._stationary("order", "stationary_order")

    @cached_property
    def stationary_observables(self) -> Estimates:
        """Observables given to ``simulate`` over the measurement window; arrays of the shape (n,)."""
        return row_of(self._polynomials(f"{PREFIX}observables", "stationary_observables"))

    @cached_property
    def counts(self) -> Counts:
        """Number of jumps of each channel, and of all, from t = 0 to the output times."""
        fires = None if self.chance is None else self.chance.fires
        return counts_of(self._extra("counts", "counts"), fires, jump_names(self))

    @cached_property
    def activity(self) -> Activity:
        """Jumps per unit time and particle, and the Fano factor, in the measurement window (all times without one)."""
        fires = None if self.chance is None else self.chance.fires
        return activity_of(self._extra("activity", "activity"), self.n_particles, fires, jump_names(self))

    @cached_property
    def observables(self) -> Estimates:
        """The observables given to ``simulate``; those with products of three and four averages stand last."""
        names = [name for name in ("observables", "products") if name in self.extras]
        if len(names) < 2:
            return self._polynomials(names[0] if names else "observables", "observables")
        low, high = (self._polynomials(name, "observables") for name in names)
        flags = None if low.uncertain is None or high.uncertain is None else (low.uncertain, high.uncertain)
        return Estimates(
            low.labels + high.labels,
            np.concatenate([low.mean, high.mean], axis=1),
            np.concatenate([low.stderr, high.stderr], axis=1),
            None if flags is None else np.concatenate(flags, axis=1),
        )

    def _polynomials(self, name: str, what: str) -> Estimates:
        extra = self._extra(name, what)
        return extra.estimates(self._constant(extra.times, np.ones((1, len(self.labels)))), NOISE)

    @cached_property
    def spin(self) -> Estimates:
        """Total spin J_b of each block of two levels, the sector of the trajectory."""
        return self._by_block("spin")

    @cached_property
    def current(self) -> Estimates:
        """Mean current dY/dt of each jump that gives one, averaged from the output time before (or t = 0) to this one.

        It has a row for each output time after t = 0.
        """
        extra = self._extra("current", "current")
        return extra.estimates(np.zeros(extra.moments.mean.shape, dtype=bool), NOISE)

    @cached_property
    def photons(self) -> Estimates:
        """<a†a>/N of each boson mode, N all particles."""
        return self._by_block("photons")

    def _by_block(self, name: str) -> Estimates:
        """Figures that are called as the block on whose averages they depend."""
        extra = self._extra(name, name)
        needed = np.concatenate([self._of_block(block) for block in extra.labels])
        return extra.estimates(self._constant(extra.times, needed), NOISE)

    @property
    def asked_for(self) -> dict[str, tuple[Array, Estimates]]:
        """Times and values of the figures by label that not every run measures, by the name of their property."""
        always = ("counts", "spin")
        times = {
            "observables" if name == "products" else name: extra.times
            for name, extra in self.extras.items()
            if extra.is_labelled and name not in always and self.n_traj
        }
        return {name: (own, getattr(self, name)) for name, own in times.items()}

    @cached_property
    def callbacks(self) -> Estimates:
        """What the functions given as ``callbacks`` return: "name" of a number, "name[0,1]" of an array's elements."""
        return self._polynomials("callbacks", "callbacks")

    def callback(self, name: str) -> Average:
        """What one of the functions given as ``callbacks`` returns, in its own shape: ``mean`` and ``stderr`` (T, ..).

        Raises
        ------
        ArgumentError
            If there is no such function.
        """
        found = self.callbacks
        places, shape = shape_of(found.labels, name)
        flags = None if found.uncertain is None else found.uncertain[:, places].reshape(-1, *shape)
        mean, stderr = (array[:, places].reshape(-1, *shape) for array in (found.mean, found.stderr))
        return Average(name, mean, stderr, flags)

    @cached_property
    def squeezing(self) -> Estimates:
        """Wineland's ξ² = N_b min_⊥ Var(m_⊥)/|<m>|² of each block of two levels; below 1 is squeezed.

        Behind them stand the sums of blocks of the option ``squeezing``, see :mod:`cojump.model.spin_squeezing`.
        """
        return self._squeezing("wineland")

    @cached_property
    def kitagawa_ueda(self) -> Estimates:
        """Kitagawa and Ueda's ξ_S² = N_b min_⊥ Var(m_⊥) of each block of two levels, and of the sums asked for."""
        return self._squeezing("kitagawa_ueda")

    def _squeezing(self, kind: str) -> Estimates:
        blocks = {n.split("/", 1)[1]: e for n, e in self.extras.items() if n.startswith("squeezing/")}
        if not blocks:
            raise _not_there("squeezing", "squeezing", self)
        made = squeezing_of(blocks, kind)
        if self.covariance_uncertain is None:
            return made
        places = [np.flatnonzero(sum(self._of_block(b)[0] for b in blocks_of(extra))) for extra in blocks.values()]
        flags = [self.covariance_uncertain[:, p[:, None], p].any(axis=(1, 2)) for p in places]
        return Estimates(made.labels, made.mean, made.stderr, np.array(flags).T)

    def distribution(self, block: str) -> Distribution:
        """Probability of each value of a sum over a block at the times asked for with ``distributions``.

        Parameters
        ----------
        block : str
            The name of a block of two levels: of M = J_z. The label of the number of particles in a level,
            "particles.n0". Or one of those of ``distribution_of``.
        """
        extra = self._extra("distribution", "distribution")
        of = names_of(extra).get(block, "") if isinstance(block, str) else ""
        return distribution_of(extra, block, self._constant(extra.times, self._of_block(of)), NOISE)

    @property
    def particles(self) -> dict[str, dict[str, int]]:
        """Particles whose density matrix was asked for with ``reduced``, by the name of their statistics."""
        return particles_of(self.extras)

    def particle_matrices(self, name: str) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
        """(T, D, D) means and complex errors of those particles; what ``cojump.reduced.particles`` reads."""
        extra = self.extras[name]
        return matrices_of(extra, extra.estimates())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the result to an HDF5 file at ``path``; :func:`cojump.load` reads it back.

        Raises
        ------
        StorageError
            If the file exists already or cannot be written.
        """
        import cojump  # results do not know files: this is the public function, which has them written

        cojump.save(self, path)
