"""A small model for QuTiP: operators of the full space, for a comparison that knows nothing of permutation symmetry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..tools.summaries import Summarised, counted
from .driven import check_envelopes, envelope_values
from .full_space import FullOperators, checked_fock, full_operators, full_state
from .model import Model, check_model
from .states import State, check_start


@dataclass(frozen=True, eq=False, repr=False)
class QutipModel(Summarised):
    """A model in QuTiP's words; made by :func:`to_qutip`.

    Attributes
    ----------
    hamiltonian : Qobj or QobjEvo
        H, as ``mesolve`` and ``mcsolve`` take it.
    c_ops : list of Qobj or QobjEvo
        All jump operators: those of a local jump one for each particle.
    channels : list of int
        For each of ``c_ops`` the number of its jump in ``model.jumps``.
    e_ops : dict of str to Qobj
        The averages of the model by label.
    state : Qobj or None
        The initial state, a ket where it is pure.
    """

    hamiltonian: Any
    c_ops: list[Any]
    channels: list[int]
    e_ops: dict[str, Any]
    state: Any = None

    def _title(self) -> str:
        return f"QutipModel: {counted(len(self.c_ops), 'jump operator')}, averages {', '.join(self.e_ops)}"


def to_qutip(model: Model, state: State | None = None, *, fock: Mapping[str, int] | None = None) -> QutipModel:
    """Write a model of few particles as operators of the full space, for QuTiP.

    Each particle is one factor of the tensor product, block by block in the order of ``model.blocks``; then come the
    modes, each with its lowest Fock states. Two levels stand in the order up, down, as in ``qutip.basis(2, 0)``.

    Parameters
    ----------
    model : Model
        Of at most 16,384 dimensions; 2,048 where a rate or a potential depends on an average that is not diagonal.
    state : State, optional
        An initial state of the model: product states, and symmetric ones.
    fock : mapping of str to int
        Fock states 0 to n - 1 that are kept of each mode. QuTiP's results hold as far as the last ones stay empty.

    Returns
    -------
    QutipModel
        ``.hamiltonian``, ``.c_ops``, ``.e_ops`` and ``.state``; terms with an envelope are ``QobjEvo``.

    Raises
    ------
    ArgumentError
        If the model is none, or ``fock`` lacks a mode.
    UnsupportedError
        If QuTiP is not installed, the full space is too large, or the state is none of those.

    Examples
    --------
    >>> import qutip
    >>> model = cj.systems.constrained(size=4, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> start, times = cj.tilted(model, theta=1.1, phi=0.4), np.linspace(0, 2, 5)
    >>> full = cj.to_qutip(model, start)
    >>> they = qutip.mesolve(full.hamiltonian, full.state, times, full.c_ops, e_ops=full.e_ops)
    >>> we = cj.master_equation(model, start, times)["spins.z"].mean
    >>> bool(np.abs(they.e_data["spins.z"] - we).max() < 1e-4)
    True
    """
    check_model(model)
    if state is not None:
        check_start(model, state)
    states = checked_fock(model, fock)
    check_envelopes(model, 1.0)
    try:
        import qutip
    except ImportError:
        raise UnsupportedError("to_qutip needs QuTiP, which is not installed (pip install qutip)") from None
    full = full_operators(model, states)
    square = [list(full.dimensions)] * 2

    def operator(matrix: Any) -> Any:
        return qutip.Qobj(matrix.tocsr(), dims=square)

    ket = None
    if state is not None:
        made = full_state(model, state, states)
        column = [list(full.dimensions), [1] * len(full.dimensions)]
        ket = qutip.Qobj(made, dims=column if made.shape[1] == 1 else square)
    c_ops = [
        operator(L) if f is None else qutip.QobjEvo([[operator(L), _of_one_time(f"jumps[{i}].envelope", f)]])
        for L, f, i in full.jumps
    ]
    averages = {label: operator(matrix) for label, matrix in full.averages.items()}
    return QutipModel(_energy(qutip, operator, full), c_ops, [i for _, _, i in full.jumps], averages, ket)


def _energy(qutip: Any, operator: Callable[[Any], Any], full: FullOperators) -> Any:
    """H: one operator, or a sum of operators with envelopes."""
    size = int(np.prod(full.dimensions))
    steady = sum((matrix for matrix, f in full.hamiltonian if f is None), 0 * _identity(size))
    driven = [
        [operator(matrix), _of_one_time(f"hamiltonian[{i}].envelope", f)]
        for i, (matrix, f) in enumerate(full.hamiltonian)
        if f is not None
    ]
    return qutip.QobjEvo([operator(steady), *driven]) if driven else operator(steady)


def _identity(size: int) -> Any:
    from scipy.sparse import csr_array, eye_array

    return csr_array(eye_array(size, dtype=complex))


def _of_one_time(name: str, envelope: Callable[[Any], Any]) -> Callable[[float], float]:
    """f(t) of one time, whatever kind of function the user has given."""

    def f(t: float) -> float:
        return float(envelope_values(name, envelope, np.array([t], dtype=float))[0])

    return f
