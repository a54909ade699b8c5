"""The options of a run, each declared once: what it means, its limits, whether it makes another run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any

from ..errors import ArgumentError
from ..tools import checks


@dataclass(frozen=True)
class Option:
    """What there is to know about one option, wherever it is given.

    Attributes
    ----------
    text : str
        Its documentation: in the docstring of ``simulate``, in docs/run_file.md and in run files to start from.
    kind : type or None
        int or float if its value is one number; None if it is more than that.
    least, most, above : number or None
        Limits of that number; ``above`` itself is not allowed.
    bits : int
        Integers are below two to this.
    identity : bool
        Whether a run with another value is another run. If not, it may change when a run is resumed.
    swept : bool
        Whether a list in a run file makes points of a sweep.
    example : str
        A value in TOML, for run files to start from.
    usual : bool
        Whether such a file sets it; otherwise it is there as a comment.
    printed : bool
        Whether it is there at all: some name blocks, or files of the user's.
    """

    text: str
    kind: type | None = None
    least: float | None = None
    most: float | None = None
    above: float | None = None
    bits: int = 63
    identity: bool = True
    swept: bool = False
    example: str = ""
    usual: bool = False
    printed: bool = True


def option(text: str, *, default: Any = MISSING, default_factory: Any = MISSING, **facts: Any) -> Any:
    """A field of a dataclass that is an :class:`Option`."""
    metadata = {"option": Option(text, **facts)}
    if default_factory is not MISSING:
        return field(default_factory=default_factory, metadata=metadata)
    return field(default=default, metadata=metadata)


def options_of(owner: type) -> dict[str, Option]:
    """The options that a class has, by name, in their order."""
    return {item.name: item.metadata["option"] for item in fields(owner) if "option" in item.metadata}


def default_of(item: Field[Any]) -> Any:
    """The value that a field has where none is given; dataclasses.MISSING if one has to be given."""
    return item.default if item.default_factory is MISSING else item.default_factory()


@dataclass(frozen=True, kw_only=True, eq=False)
class RunOptions:
    """How much of a model is run, how precisely, and what is measured; the field of each option documents it.

    Raises
    ------
    ArgumentError
        If a number is none, or beyond its limits. What depends on the model or on the output times is judged by those
        who have them.
    """

    n_traj: int = option(
        "Number of trajectories; the standard errors fall as 1/sqrt(n_traj).",
        kind=int,
        least=1,
        identity=False,
        swept=True,
        example="1000",
        usual=True,
    )
    seed: int = option(
        "At least 0. Same seed, same results, for any number of processes.",
        default=0,
        kind=int,
        least=0,
        bits=checks.SEED_BITS,
        swept=True,
        example="1",
        usual=True,
    )
    tolerance: float = option(
        "Bound on the error of the state in each step (norm) and of each jump time (in units of log-survival).",
        default=1e-9,
        kind=float,
        least=1e-13,
        most=1e-2,
        swept=True,
        example="1e-9",
        usual=True,
    )
    chunk: int = option(
        "Trajectories per unit of work; fixes the order of summation and with it the last bits.",
        default=64,
        kind=int,
        least=1,
        example="64",
        usual=True,
    )
    keep: int = option(
        "How many trajectories keep their series <m_a>(t), and the state at its end (`result.final`).",
        default=0,
        kind=int,
        least=0,
        example="8",
        usual=True,
    )
    record: bool = option(
        "Keep the jump record of every trajectory: when, in which channel, and the sector behind it; 24 bytes a jump.",
        default=False,
        example="true",
    )
    observables: Mapping[str, Any] = option(
        "Polynomials of averages up to fourth order, by label.",
        default_factory=dict,
        example='{zz = "spins.z * spins.z"}',
    )
    averages: Sequence[str] | None = option(
        "Labels of the averages that are measured, with their products; all if it is not given. Name them where levels "
        "are many: d levels have d² averages.",
        default=None,
        example='["spins.z"]',
    )
    unravelling: Mapping[str, Any] = option(
        "How the light of collective jumps and mode losses is detected, by the name of the jump: photon counting, "
        "counting of L + β, homodyne or heterodyne detection.",
        default_factory=dict,
        example='{decay = {kind = "homodyne", phase = 1.57, efficiency = 1.0}}',
    )
    distributions: Any = option(  # noqa: RUF009 - it is a field
        "Output times at which distributions are measured: of M in each block of two levels, and of the number of "
        "particles in each level of the others.",
        default_factory=tuple,
        example="[2.0, 4.0]",
    )
    distribution_of: Mapping[str, Any] = option(
        "Averages of one block by label, of whose sums Σ_k X^(k) the distributions are measured instead; at all output "
        "times without `distributions`.",
        default_factory=dict,
        example='{jx = "0.5 * spins.x"}',
        printed=False,
    )
    reduced: Mapping[str, int] | Sequence[Mapping[str, int]] = option(
        "How many particles of which blocks, {block: number}: their density matrix is measured. Several "
        "such in a list.",
        default_factory=tuple,
        example="{spins = 3}",
        printed=False,
    )
    squeezing: Mapping[str, Mapping[str, float]] = option(
        "Sums Σ_b w_b S_b of the spins of blocks by label, {label: {block: weight}}, whose squeezing is measured "
        "beside that of each block.",
        default_factory=dict,
        example="{both = {left = 1.0, right = -1.0}}",
        printed=False,
    )
    callbacks: Mapping[str, Any] = option(
        "Functions of the state of a trajectory by name, which return a number or an array of them at every "
        "output time.",
        default_factory=dict,
        example='{purity = "my_functions.py:purity"}',
        printed=False,
    )
    burn_in: float | None = option(
        "Begin of the measurement window of stationary averages: the first output time from there on (0 if only the "
        "end is given).",
        default=None,
        kind=float,
        least=0,
        example="2.0",
    )
    window: float | None = option(
        "End of that window: the last output time up to there (of all, if only the begin is given).",
        default=None,
        kind=float,
        above=0,
        example="4.0",
    )
    target_error: Mapping[str, float] | float = option(
        "Standard errors at which a point is done before n_traj, when they are reached at every output time: one for "
        "all averages, or a table of labels such as {spins.z = 0.005, deviation = 1e-4}.",
        default_factory=dict,
        identity=False,
        example="0.005",
    )
    min_traj: int = option(
        "Trajectories before the target is looked at; it is looked at after each whole chunk.",
        default=100,
        kind=int,
        least=2,
        identity=False,
        example="100",
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "record", checks.boolean("record", self.record))
        for item in fields(RunOptions):
            rule, value = item.metadata["option"], getattr(self, item.name)
            if rule.kind is int:
                value = checks.integer(item.name, value, rule.least, bits=rule.bits)
            elif rule.kind is float and item.default is not None:  # a window is judged with the output times
                value = checks.number(item.name, value, rule.least, rule.most, above=rule.above)
            object.__setattr__(self, item.name, value)
        if self.keep > self.n_traj:
            raise ArgumentError("keep", f"be at most n_traj = {self.n_traj}", f"it is {self.keep}")
