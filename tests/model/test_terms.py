"""Terms are plain data: any field can be replaced, and no copy of a term loses one."""

import dataclasses
import inspect

import numpy as np
import pytest

import cojump as cj
from cojump.model.components import components
from cojump.model.term import Term
from cojump.model.unravelled import ObservedJump, ObservedLoss
from cojump.theory.bounds.apart import set_apart
from cojump.theory.generator_frames import frames_of
from tests.support.pauli import LOWER, ONE, RAISE, X, Y, Z
from tests.test_pickling import same


def gamma(x):
    return 1 + 0.1 * x


def slope(x):
    return np.full_like(x, 0.1)


def bend(x):
    return np.zeros_like(x)


def crossed(x, y):
    return 2 + x * y


TERMS = {
    "one body": cj.OneBody(X, "a"),
    "two body": cj.TwoBody(RAISE, LOWER, 0.5 + 0.25j, ("a", "b")),
    "local": cj.LocalJump(LOWER, "a"),
    "rate of an average": cj.LocalJump(
        LOWER, "a", rate=gamma, argument={"a": X, "b": Z}, exclude_self=True, derivatives=(slope, bend)
    ),
    "amplitude": cj.LocalJump(RAISE, "a", amplitude=gamma, argument={"b": Y}),
    "rate of two averages": cj.LocalJump(
        LOWER, "a", rate=crossed, argument=({"a": Z}, {"a": 2 * Z, "b": X}), exclude_self=True
    ),
    "collective": cj.CollectiveJump({"a": LOWER, "b": Z}, 0.7),
    "collective with a rate": cj.CollectiveJump(
        {"a": LOWER, "b": Z}, 0.7, amplitude=gamma, argument={"a": X}, derivatives=(slope, bend)
    ),
    "observed": ObservedJump({"a": LOWER, "b": Z}, 0.7, detection=cj.unravelling.homodyne(0.3)),
    "observed mode": ObservedLoss(0.4, "mode", thermal=0.3, reference=0.5j),
    "mode energy": cj.ModeEnergy(0.4, "mode"),
    "mode drive": cj.ModeDrive(0.4 - 0.2j, "mode"),
    "mode coupling": cj.ModeCoupling({"a": LOWER, "b": Z}, "mode"),
    "mode loss": cj.ModeLoss(0.4, "mode", thermal=0.3),
    "mode jump": cj.ModeJump(LOWER, "a", "mode", emits=True),
    "mode jump with a rate": cj.ModeJump(
        LOWER, "a", "mode", emits=False, rate=gamma, argument={"a": X, "b": Z}, exclude_self=True
    ),
    "potential": cj.Potential(gamma, {"a": X, "b": Z}, (slope, bend), factor=0.5),
}

_KINDS_OF_JUMP = cj.CollectiveJump | cj.LocalJump | cj.ModeLoss | cj.ModeJump
JUMPS = [term for term in TERMS.values() if isinstance(term, _KINDS_OF_JUMP)]

OTHERS = {
    "eps": Z,
    "block": "b",
    "A": X,
    "B": Y,
    "g": 2 + 0j,
    "blocks": ("b", "b"),
    "j": Z,
    "amplitude": np.cosh,
    "rate": np.cosh,
    "argument": {"b": X},
    "exclude_self": False,
    "derivatives": (np.sinh, np.cosh),
    "matrices": {"a": Z},
    "rate of a collective jump": 0.1,
    "omega": 3.0,
    "eta": 2j,
    "mode": "other",
    "kappa": 0.2,
    "thermal": 0.0,
    "emits": False,
    "phi": np.cosh,
    "factor": 2.0,
    "envelope": np.sin,
    "breaks": (1.0, 2.5),
    "name": "another",
    "detection": cj.unravelling.heterodyne(),
    "reference": 2j,
}


def every(term):
    return [(term, item.name) for item in dataclasses.fields(term)]


def identical(one, other, *, but=()):
    assert type(one) is type(other)
    for item in dataclasses.fields(one):
        if item.name not in but:
            same(getattr(one, item.name), getattr(other, item.name))


def subclasses(kind):
    """Those of the package that can be made."""
    own = [sub for sub in kind.__subclasses__() if sub.__module__.startswith("cojump.")]
    return [c for sub in own for c in [sub, *subclasses(sub)] if not inspect.isabstract(c)]


def test_every_kind_of_term_is_tried_here():
    assert set(subclasses(Term)) == {type(t) for t in TERMS.values()}


@pytest.mark.parametrize("term", TERMS.values(), ids=TERMS)
def test_replacing_nothing_gives_the_same_term(term):
    identical(dataclasses.replace(term), term)


@pytest.mark.parametrize(("term", "name"), [p for t in TERMS.values() for p in every(t)])
def test_any_field_is_replaced_and_the_others_stay(term, name):
    value = OTHERS["rate of a collective jump" if isinstance(term, cj.CollectiveJump) and name == "rate" else name]
    changes = {name: value}
    if name == "breaks":
        changes["envelope"] = np.sin
    local = isinstance(term, cj.LocalJump | cj.ModeJump)
    if local or isinstance(term, cj.CollectiveJump):  # an amplitude stands for a rate, none is without an argument
        if name == "rate" and local:
            changes["amplitude"] = None
        if name == "amplitude" and local:
            changes["rate"] = None
        if (name == "amplitude" or (name == "rate" and local)) and not term.argument:
            changes["argument"] = {"a": Z}
        if name in ("argument", "derivatives") and not term.argument:
            changes |= {"amplitude": gamma, "argument": {"b": X}}
    new = dataclasses.replace(term, **changes)
    for changed, to in changes.items():
        found = getattr(new, changed)
        if isinstance(to, dict):
            assert {b: m.tolist() for b, m in found.items()} == {b: m.tolist() for b, m in to.items()}
        elif isinstance(to, np.ndarray):
            np.testing.assert_array_equal(found, to)
        else:
            assert found == to
    identical(new, term, but=changes)


def test_a_replaced_field_is_checked_as_a_new_one_is():
    with pytest.raises(cj.ArgumentError, match="`eps` must be Hermitian"):
        dataclasses.replace(TERMS["one body"], eps=RAISE)
    with pytest.raises(cj.ArgumentError, match="`rate` must be a finite number of at least 0"):
        dataclasses.replace(TERMS["collective"], rate=-1.0)
    with pytest.raises(cj.ArgumentError, match="`argument` must be given together with `rate`"):
        dataclasses.replace(TERMS["rate of an average"], argument=None)


def test_signatures():
    """The parameters are the fields, and what must be named must be named."""
    shown = {kind.__name__: list(inspect.signature(kind).parameters.values()) for kind in subclasses(Term)}
    positional = {k: [p.name for p in v if p.kind is p.POSITIONAL_OR_KEYWORD] for k, v in shown.items()}
    named = {k: [p.name for p in v if p.kind is p.KEYWORD_ONLY] for k, v in shown.items()}
    assert positional == {
        "OneBody": ["eps", "block"],
        "TwoBody": ["A", "B", "g", "blocks"],
        "LocalJump": ["j", "block"],
        "CollectiveJump": ["matrices", "rate"],
        "ModeEnergy": ["omega", "mode"],
        "ModeDrive": ["eta", "mode"],
        "ModeCoupling": ["matrices", "mode"],
        "ModeLoss": ["kappa", "mode", "thermal"],
        "ModeJump": ["j", "block", "mode"],
        "ObservedJump": ["matrices", "rate"],
        "ObservedLoss": ["kappa", "mode", "thermal"],
        "Potential": ["phi", "argument", "derivatives"],
    }
    of_all, of_jumps = ["envelope", "breaks"], ["envelope", "breaks", "name"]
    assert named == {
        "OneBody": of_all,
        "TwoBody": of_all,
        "LocalJump": [*of_jumps, "amplitude", "rate", "argument", "exclude_self", "derivatives"],
        "CollectiveJump": [*of_jumps, "amplitude", "argument", "derivatives"],
        "ModeEnergy": of_all,
        "ModeDrive": of_all,
        "ModeCoupling": of_all,
        "ModeJump": [*of_jumps, "emits", "amplitude", "rate", "argument", "exclude_self", "derivatives"],
        "ModeLoss": of_jumps,
        "ObservedJump": [*of_jumps, "amplitude", "argument", "derivatives", "detection"],
        "ObservedLoss": [*of_jumps, "detection", "reference"],
        "Potential": [*of_all, "factor"],
    }


def shifted(block, matrix):
    return matrix + {"a": 1, "b": 2}[block] * ONE


@pytest.mark.parametrize("term", TERMS.values(), ids=TERMS)
def test_mapping_reaches_every_matrix_and_keeps_every_other_field(term):
    new = term.mapped(shifted)
    assert [p[:3] for p in new.parts()] == [p[:3] for p in term.parts()]
    for part, old in zip(new.parts(), term.parts(), strict=True):
        np.testing.assert_array_equal(part.matrix, shifted(part.block, old.matrix))
    with_matrices = {part.name.partition("[")[0] for part in term.parts()}
    identical(new, term, but=with_matrices | ({"argument"} if getattr(term, "argument", None) else set()))
    # whatever holds an array is among the parts
    held = {f.name for f in dataclasses.fields(term) if "array" in repr(getattr(term, f.name))}
    assert held == with_matrices


def test_a_mapped_model_is_the_same_physics_in_another_basis():
    """Turned by one angle in each block: exact averages of the turned model, turned back, are those of the model."""
    blocks = [cj.Block("a", 2), cj.Block("b", 3)]
    hamiltonian = [TERMS["one body"], cj.TwoBody(X, Y, 0.3, ("a", "b")), cj.TwoBody(RAISE, LOWER, 0.4, ("b", "b"))]
    jumps = [TERMS["rate of an average"], TERMS["collective"]]
    model = cj.Model(blocks, hamiltonian, jumps, order_parameters={"sum": {"a": X, "b": Z}})
    turn = {"a": np.array([[0.8, 0.6j], [0.6j, 0.8]]), "b": np.array([[0.6, -0.8], [0.8, 0.6]], dtype=complex)}
    turned = model.mapped(lambda block, x: turn[block].conj().T @ x @ turn[block])
    kets = {"a": np.array([1, 0]), "b": np.array([0.6, 0.8j])}
    times = np.linspace(0, 1, 4)
    exact = cj.master_equation(model, cj.product(model, kets), times)
    moved = {b: turn[b].conj().T @ ket for b, ket in kets.items()}
    other = cj.master_equation(turned, cj.product(turned, moved), times)
    for block in "ab":
        frame = [[np.trace(turn[block].conj().T @ p @ turn[block] @ q).real / 2 for q in (X, Y, Z)] for p in (X, Y, Z)]
        ours, theirs = (np.stack([e[f"{block}.{c}"].mean for c in "xyz"], -1) for e in (exact, other))
        np.testing.assert_allclose(theirs @ np.array(frame).T, ours, atol=1e-9)
        assert np.abs(theirs - ours).max() > 0.1
    for name, sizes in model.order_parameters["sum"].items():
        back = turn[name] @ turned.order_parameters["sum"][name] @ turn[name].conj().T
        np.testing.assert_allclose(back, sizes, atol=1e-14)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Marked(cj.LocalJump):
    """A jump with a field more than there is today."""

    mark: str


def full_jump():
    return Marked(
        LOWER, "a", rate=gamma, argument={"a": X}, exclude_self=True, derivatives=(slope, bend), mark="a field to come"
    )


def copies():
    """What each way of copying makes of a jump with everything that it can have, and what it may change."""
    blocks = [cj.Block("a", 3), cj.Block("b", 2)]
    model = cj.Model(blocks, [], [full_jump()])
    alone = cj.Model(blocks, [], [dataclasses.replace(full_jump(), argument={"a": X, "b": 0 * X})])
    (frame,) = frames_of(model)
    yield "frames of the generator", frame.model.jumps[0], {"j", "argument"}
    for jump in set_apart(model, 0, 1).model.jumps:
        yield "particles set apart", jump, {"block", "argument"}
    yield "independent parts", components(alone)[0].model.jumps[0], {"argument"}
    yield "a model in another basis", model.mapped(shifted).jumps[0], {"j", "argument"}


@pytest.mark.parametrize(("copy", "changed"), [pytest.param(*case[1:], id=case[0]) for case in copies()])
def test_no_copy_of_a_jump_loses_a_field(copy, changed):
    """Not even one that is still to come. (Derivatives were once lost twice.)"""
    identical(copy, full_jump(), but=changed)
    assert copy.mark == "a field to come"


def test_every_term_of_a_model_has_one_list_of_its_kind():
    """Whoever reads the lists of terms, or all kinds of jumps, misses none. A new kind of term needs a new list."""
    others = [TERMS["potential"], *(TERMS[f"mode {kind}"] for kind in ("energy", "drive", "coupling"))]
    model = cj.Model(
        [cj.Block("a", 3), cj.Block("b", 2), cj.Mode("mode")],
        [cj.TwoBody(X, X, 1.0, ("a", "b")), cj.OneBody(X, "a"), *others],
        JUMPS,
    )
    assert model.potentials == {2: TERMS["potential"]}
    lists = (*model.one_body, *model.two_body, *model.potentials.values())
    lists += (*model.mode_energies, *model.mode_drives, *model.mode_couplings)
    assert sorted(map(id, model.hamiltonian)) == sorted(map(id, lists))
    every_jump = {**model.local_jumps, **model.collective_jumps, **model.mode_losses, **model.mode_jumps}
    assert [every_jump[i] for i in range(len(model.jumps))] == list(model.jumps)
    assert {type(t) for t in (*model.hamiltonian, *model.jumps)} == set(subclasses(Term))


def test_facts_of_terms():
    sizes = {"a": 3, "b": 2}
    assert TERMS["one body"].coupled == {"a"}
    assert TERMS["two body"].coupled == {"a", "b"}
    assert cj.LocalJump(LOWER, "a", rate=gamma, argument={"b": 0 * X}).coupled == {"a"}
    assert TERMS["amplitude"].coupled == {"a", "b"}
    assert cj.CollectiveJump({"a": LOWER, "b": 0 * X}, 1.0).coupled == {"a"}
    assert cj.CollectiveJump({"a": 0 * X, "b": 0 * X}, 1.0).coupled == {"a", "b"}
    assert {name: t.sectors_left for name, t in TERMS.items() if t.sectors_left} == {
        "local": {"a"},
        "rate of an average": {"a"},
        "rate of two averages": {"a"},
        "mode jump": {"a"},
        "mode jump with a rate": {"a"},
        "amplitude": {"a"},
    }
    free = ["one body", "local", "mode energy", "mode drive", "mode loss"]
    free.insert(2, "observed mode")
    assert [name for name, t in TERMS.items() if t.is_free] == free
    # three particles at Γ² = 1 + 0.1 Δ, Δ ≤ 2/3 + 1 without the jumping one; two at sqrt(κ/N) (3 |σ_-| + 2 |σ_z|)
    assert TERMS["rate of an average"].most_jumps(sizes) == pytest.approx(3 * (1 + 0.1 * 5 / 3), rel=1e-12)
    assert TERMS["collective"].most_jumps(sizes) == pytest.approx(0.7 / 5 * 5**2, rel=1e-12)
    assert TERMS["collective"].can_fire(sizes)
    assert not dataclasses.replace(TERMS["collective"], rate=0).can_fire(sizes)
    assert not cj.LocalJump(LOWER, "a", amplitude=np.zeros_like, argument={"a": X}).can_fire(sizes)
    weaker = TERMS["collective"].among(["a"], 0.6)
    assert weaker.rate == pytest.approx(0.42)
    assert list(weaker.matrices) == ["a"]
    # (N/N_a) φ' times the width of X, 0.5 0.1 5/3 2
    assert TERMS["potential"].fastest(sizes) == pytest.approx(0.5 * 0.1 * 5 / 2 * 2, rel=1e-12)
    alone = cj.Potential(np.abs, {"a": X, "b": 0 * X}, factor=0.3)
    assert alone.coupled == {"a"}
    assert alone.among(["a"], 0.6).factor == pytest.approx(0.5)  # N φ is what it was, of fewer N
    assert list(alone.among(["a"], 0.6).argument) == ["a"]
