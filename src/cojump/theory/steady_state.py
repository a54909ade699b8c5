"""The steady state of a model, exactly: the kernel of the generator."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array, eye_array
from scipy.sparse.linalg import splu
from threadpoolctl import threadpool_limits

from ..basis.particle_removal import Label
from ..basis.sector_densities import occupied_labels
from ..basis.sectors import sector_labels
from ..errors import ConvergenceError, UnsupportedError
from ..model import Model
from ..model.model import check_model
from ..model.states import State, check_start
from ..tools import checks
from ..tools.labelled import Labelled
from ..tools.summaries import counted, facts, few, more
from ..tools.types import Array
from .exact_moments import moments_at_end, moments_of
from .generator import Generator, check_unknowns

_SHIFT, _VANISHING = 1e-9, 1e-11
"""Shift of the inverse iteration for the steady state, and the eigenvalue that is taken as zero; the norm is 1."""

_NO_STATE = 1e-9
"""A negative eigenvalue or a residual beyond this is not rounding."""


@dataclass(frozen=True, eq=False, repr=False)
class SteadyState(Labelled):
    """The steady state of a model. Averages are per block, (1/N_b) Σ_k.

    Attributes
    ----------
    labels : tuple of A strings "block.x"
    n_particles : int
        N, all particles.
    mean : (A,) array
    second : (A, A) array
        <½{m_a, m_b}>.
    sectors : tuple of S tuples of labels
    sector_weights : (S,) array
        Probability of each sector.
    residual : float
        ‖𝓛ρ‖ in the trace norm, relative to the norm of the generator.
    """

    labels: tuple[str, ...]
    n_particles: int
    mean: Array
    second: Array
    sectors: tuple[tuple[Label, ...], ...]
    sector_weights: Array
    residual: float

    def _title(self) -> str:
        return f"Steady state: N = {self.n_particles:,}, {counted(len(self.labels), 'average')}"

    def _lines(self) -> list[str]:
        lines = facts(
            ("averages", few(self.labels)),
            ("sectors", f"{len(self.sectors):,}"),
            ("residual", f"{self.residual:.1e}, of ‖𝓛ρ‖ in parts of the norm of 𝓛"),
        )
        lines += moments_at_end(self.labels, self.n_particles, "average", self.mean, self.second)
        return lines + more(f'["{self.labels[0]}"].mean, .mean, .second, .covariance, .sector_weights')

    @cached_property
    def covariance(self) -> Array:
        """(A, A) N (<½{m_a, m_b}> - <m_a><m_b>)."""
        return self.n_particles * (self.second - np.outer(self.mean, self.mean))


def steady_state(model: Model, state: State | None = None, *, memory: float = 4.0) -> SteadyState:
    """Find the unique steady state by sparse linear algebra, for small sizes (N = 60 with one two-level block).

    Parameters
    ----------
    model : Model
    state : State, optional
        Look only at the sectors that this start comes to: a collective jump alone keeps every sector, and the steady
        state is unique within one.
    memory : float
        GiB that may be used.

    Returns
    -------
    SteadyState

    Raises
    ------
    ArgumentError
        Before work starts, if the state does not fit or the model needs more memory.
    UnsupportedError
        If the steady state is not unique (a dark state beside others, a conserved quantity), or is not to the
        precision of the numbers.
    ConvergenceError
        If what is found is no state.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=20, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> steady, (point,) = cj.steady_state(model), cj.attractors.fixed_points(model)
    >>> print(steady["spins.z"].mean.round(6), point["spins.z"].mean.round(6))  # the same without correlations
    0.12605 0.12605
    """
    check_model(model)
    memory = checks.number("memory", memory, 0)
    if state is not None:
        check_start(model, state)
    check_unknowns(model, None if state is None else state.blocks, memory)
    if state is None:
        occupied = [sector_labels(block) for block in model.blocks]
    else:
        occupied = [occupied_labels(block, own) for block, own in zip(model.blocks, state.blocks, strict=True)]
    with threadpool_limits(1):
        generator = Generator(model, occupied, memory=memory, whole=True)
        packing, L = generator.packing, generator.matrix
        scale = float(abs(L).sum(axis=0).max()) or 1.0
        vector, count = _kernel(L / scale)
    if count > 1:
        still = {b.name for b in model.blocks} - model.sectors_left
        kept = f"; without local jumps on {', '.join(map(repr, sorted(still)))} no sector is ever left" if still else ""
        raise UnsupportedError(
            f"The steady state is not unique: the generator has {count} or more vanishing eigenvalues, as dark states "
            f"or conserved quantities give{kept}"
        )
    blocks = packing.unpack(vector)
    trace = sum(float(np.trace(rho).real) for rho in blocks.values())
    vector = vector / trace
    lowest = min(float(np.linalg.eigvalsh(rho / trace)[0]) for rho in blocks.values())
    residual = packing.norm(L @ vector) / scale
    if not (lowest > -_NO_STATE and residual < _NO_STATE):
        raise ConvergenceError(
            f"No steady state was found: the candidate has an eigenvalue {lowest:.3g} and a residual {residual:.3g}"
        )
    mean, second, weights = moments_of((generator.expectations() @ vector)[None, :], len(model.labels))
    sectors = tuple(packing.dims)
    return SteadyState(model.labels, model.size, mean[0], second[0], sectors, weights[0], residual)


def _kernel(L: csr_array) -> tuple[Array, int]:
    """A null vector of a generator of norm 1, and how many vanishing eigenvalues there are (up to four are seen).

    Inverse iteration with several vectors at once: (s - 𝓛)⁻¹ exists for s > 0 and enlarges what decays slower than s.
    A block finds a degenerate kernel, which a single vector does not.
    """
    n = L.shape[0]
    inverse = splu((_SHIFT * eye_array(n) - L).tocsc())
    vectors = np.random.default_rng(0).normal(size=(n, min(n, 4)))
    for _ in range(8):
        vectors = np.linalg.qr(inverse.solve(vectors))[0]
    values, mixtures = np.linalg.eig(vectors.T @ (L @ vectors))
    order = np.argsort(np.abs(values))
    null = mixtures[:, order[0]]
    null = null / null[np.argmax(np.abs(null))]
    return vectors @ null.real, int(np.sum(np.abs(values) < _VANISHING))
