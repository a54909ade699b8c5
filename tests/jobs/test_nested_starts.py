"""[initial] with tables inside: another kind in each block, mixtures, and the end of a stored run."""

import numpy as np
import pytest

import cojump as cj
from cojump.jobs.run_file import read_run_file
from cojump.jobs.run_file.nested_starts import flattened, nested
from tests.support.command_line import invoke

MODULE = """
import numpy as np
import cojump as cj

LOWER = np.array([[0, 0], [1, 0]])


def build(size=4, omega=0.7):
    blocks = [cj.Block("spins", size), cj.Block("atoms", 2, levels=3)]
    x = np.array([[0, 1], [1, 0]])
    hop = np.diag([1.0, 1.0], 1)
    term = cj.TwoBody(np.diag([1, -1]), hop + hop.T, 0.4, ("spins", "atoms"))
    return cj.Model(blocks, [cj.OneBody(omega * x, "spins"), term], [cj.LocalJump(LOWER, "spins")])
"""

REST = """
[times]
end = 0.5
steps = 2

[run]
n_traj = {n_traj}
seed = 3
chunk = 8
keep = {keep}
"""

START = """
[initial]
kind = "start"

[initial.blocks.spins]
kind = "dicke"
J = 1
M = 0

[initial.blocks.atoms]
kind = "occupation"
particles = [1, 0, 1]
"""

MIXTURE = """
[initial]
kind = "mixture"

[[initial.states]]
weight = 0.3
kind = "product"
ket = {spins = [1, 0], atoms = [1, 0, 0]}

[[initial.states]]
weight = 0.7
kind = "start"
blocks.spins = {kind = "sector", J = 1, amplitudes = [0, 0.6, "0.8j"]}
blocks.atoms = {kind = "product", density = [[0.5, 0, 0], [0, 0.5, 0], [0, 0, 0]]}
"""


@pytest.fixture
def write(tmp_path):
    (tmp_path / "mine.py").write_text(MODULE)

    def written(initial, model='system = "mine.py:build"', name="run.toml", n_traj=16, keep=0):
        path = tmp_path / name
        path.write_text(f"[model]\n{model}\n{initial}{REST.format(n_traj=n_traj, keep=keep)}")
        return path

    return written


def built(path):
    return [point.build() for point in read_run_file(path).points()]


def averages(model, state):
    return cj.master_equation(model, state, [0.0, 0.4]).second


def test_another_kind_in_each_block(write):
    ((model, state),) = built(write(START))
    expected = cj.start(model, {"spins": cj.Dicke(1, 0), "atoms": cj.Occupation([1, 0, 1])})
    np.testing.assert_array_equal(averages(model, state), averages(model, expected))


@pytest.mark.parametrize(
    ("table", "made"),
    [
        ('kind = "tilted"\ntheta = 1.1\nphi = 0.4', [np.cos(0.55), np.exp(0.4j) * np.sin(0.55)]),
        ('kind = "product"\nket = [0.6, "0.8j"]', [0.6, 0.8j]),
        ('kind = "product"\ndensity = [[0.5, 0.1], [0.1, 0.5]]', [[0.5, 0.1], [0.1, 0.5]]),
        ('kind = "sector"\nJ = 1\namplitudes = [0.6, 0, "0.8j"]', cj.Sector(1, [0.6, 0, 0.8j])),
        ('kind = "symmetric"\namplitudes = [0.6, 0, 0, 0, 0.8]', cj.Symmetric([0.6, 0, 0, 0, 0.8])),
        ('kind = "occupation"\nparticles = [3, 1]', cj.Occupation([3, 1])),
        ('kind = "occupation"\nparticles = [1, 3]\ndiagram = [3, 1]', cj.Occupation([1, 3], diagram=(3, 1))),
    ],
)
def test_every_kind_of_block(write, table, made):
    old = 'kind = "dicke"\nJ = 1\nM = 0'
    ((model, state),) = built(write(START.replace(old, table)))
    expected = cj.start(model, {"spins": made, "atoms": cj.Occupation([1, 0, 1])})
    np.testing.assert_allclose(averages(model, state), averages(model, expected), rtol=0, atol=1e-13)


def test_mixtures(write):
    ((model, state),) = built(write(MIXTURE))
    first = cj.product(model, {"spins": [1, 0], "atoms": [1, 0, 0]})
    second = cj.start(model, {"spins": cj.Sector(1, [0, 0.6, 0.8j]), "atoms": np.diag([0.5, 0.5, 0])})
    expected = cj.mixture([(0.3, first), (0.7, second)])
    np.testing.assert_array_equal(averages(model, state), averages(model, expected))


def test_any_key_inside_makes_a_sweep(write):
    run_file = read_run_file(write(START.replace("M = 0", "M = [-1, 0, 1]")))
    points = run_file.points()
    assert [p.parameters for p in points] == [{"blocks.spins.M": m} for m in (-1, 0, 1)]
    assert len({p.seed for p in points}) == 3
    z = [cj.master_equation(*p.build(), [0.0])["spins.z"].mean[0] for p in points]
    np.testing.assert_allclose(z, [-0.5, 0, 0.5], atol=1e-12)
    swept = MIXTURE.replace('J = 1, amplitudes = [0, 0.6, "0.8j"]', "J = 1, amplitudes = [[1, 0, 0], [0, 0, 1]]")
    points = read_run_file(write(swept)).points()
    name = "states[1].blocks.spins.amplitudes"
    assert [p.parameters for p in points] == [{name: [1, 0, 0]}, {name: [0, 0, 1]}]
    z = [cj.master_equation(*p.build(), [0.0])["spins.z"].mean[0] for p in points]
    np.testing.assert_allclose(z, [0.3 + 0.7 * 0.5, 0.3 - 0.7 * 0.5], atol=1e-12)


def test_a_run_from_it_to_its_report(write, tmp_path):
    path, out = write(MIXTURE, n_traj=16), tmp_path / "results"
    invoke("run", path, "-o", out)
    invoke("run", write(MIXTURE, n_traj=24), "-o", out)  # goes on
    (result,) = cj.load(out)
    ((model, state),) = built(path)
    expected = cj.simulate(model, state, [0.0, 0.25, 0.5], n_traj=24, seed=3, chunk=8)
    assert result.mean.tobytes() == expected.mean.tobytes()
    assert "mixture" in invoke("show", path)[0]
    other = MIXTURE.replace("0.3\n", "0.4\n").replace("0.7\n", "0.6\n")
    _, err = invoke("run", write(other, n_traj=24), "-o", out, status=2)
    assert "belongs to another run file" in err


FINAL = """
[initial]
kind = "final"
from = "first"
"""


def test_a_run_goes_on_from_a_stored_one(write, tmp_path):
    invoke("run", write(START, keep=16), "-o", tmp_path / "first")
    (first,) = cj.load(tmp_path / "first")
    quench = 'system = "mine.py:build"\nomega = [0.7, 1.5]'
    path, out = write(FINAL, quench, "second.toml", n_traj=8), tmp_path / "second"
    invoke("run", path, "-o", out)
    invoke("run", write(FINAL, quench, "second.toml", n_traj=16), "-o", out)
    results = cj.load(out)
    for point, result in zip(read_run_file(path).points(), results, strict=True):
        model = point.build()[0]
        expected = cj.simulate(model, first.final, [0.0, 0.25, 0.5], n_traj=16, seed=point.seed, chunk=8)
        assert result.mean.tobytes() == expected.mean.tobytes()
        np.testing.assert_allclose(result.mean[0], first.mean[-1], rtol=0, atol=1e-12)
    assert "final" in invoke("show", path)[0]
    invoke("report", out)


def test_one_result_of_several_is_chosen(write, tmp_path):
    invoke("run", write(START, 'system = "mine.py:build"\nomega = [0.7, 0.9]', keep=2), "-o", tmp_path / "first")
    ((_, state),) = built(write(FINAL + "select = {omega = 0.9}\n"))
    assert len(state) == 2
    points = read_run_file(write(FINAL + "select = [{omega = 0.7}, {omega = 0.9}]\n")).points()
    assert len(points) == 2
    with pytest.raises(
        cj.ArgumentError,
        match=r"`\[initial\] select` must choose one result of the file by its parameters \(omega\), but 2 have \{\}",
    ):
        built(write(FINAL))
    with pytest.raises(cj.ArgumentError, match=r"`\[initial.select\] omega` must be one of 0.7, 0.9, but it is 2"):
        built(write(FINAL + "select = {omega = 2}\n"))


def test_flat_and_nested_are_the_same():
    table = {
        "kind": "mixture",
        "states": [
            {"weight": 0.5, "kind": "tilted", "theta": [1, 2], "phi": 0},
            {"weight": 0.5, "kind": "start", "blocks": {"a-b": {"kind": "dicke", "J": 1, "M": 0}}},
        ],
    }
    flat = flattened(table)
    assert flat["states[0].theta"] == [1, 2]
    assert flat["states[1].blocks.a-b.J"] == 1
    assert nested(flat) == table
    assert nested({"kind": "tilted", "alpha": {"m.n": 1}}) == {"kind": "tilted", "alpha": {"m.n": 1}}
    dotted = {"kind": "start", "blocks": {"a.b": {"kind": "dicke", "J": 1, "M": 0}}}
    assert nested(flattened(dotted)) == dotted


REFUSED = {
    "no blocks": (
        '\n[initial]\nkind = "start"\n',
        "Argument `[initial] blocks` must be given, but it is missing",
    ),
    "no table": (
        '\n[initial]\nkind = "start"\nblocks = 3\n',
        "Argument `[initial] blocks` must have a table for each block, such as [initial.blocks.spins], but it is 3",
    ),
    "block missing": (
        START.partition("[initial.blocks.atoms]")[0],
        'Argument `[initial] blocks` must have one entry for each block, "spins", "atoms", but "atoms" is missing',
    ),
    "kind of block": (
        START.replace('"dicke"', '"dick"'),
        'Argument `[initial.blocks.spins] kind` must be one of "tilted", "product", "dicke", "sector", "symmetric", '
        '"occupation", but it is "dick"; did you mean "dicke"?',
    ),
    "key of block": (
        START.replace("M = 0", "M = 0\nphi = 1"),
        'Argument `[initial.blocks.spins] phi` must be one of the keys of kind "dicke": kind, J, M, but it is unknown',
    ),
    "rule of block": (
        START.replace("M = 0", "M = 2"),
        "Argument `[initial] blocks.spins M` must ",
    ),
    "weights": (
        MIXTURE.replace("0.3\n", "0.2\n"),
        "Argument `[initial] states` must have weights with the sum 1, but it is 0.9",
    ),
    "weight": (
        MIXTURE.replace("weight = 0.3\n", ""),
        "Argument `[initial.states[0]] weight` must be given, but it is missing",
    ),
    "state": (
        MIXTURE.replace("[1, 0], atoms", "[1, 1], atoms"),
        "Argument `[initial.states[0]] ket.spins` must have norm 1, but its norm is 1.41421356237",
    ),
    "no states": (
        '\n[initial]\nkind = "mixture"\nstates = []\n',
        "Argument `[initial] states` must be tables [[initial.states]], each with a weight and a kind, but it is []",
    ),
    "inside": (
        '\n[initial]\nkind = "mixture"\n[[initial.states]]\nweight = 1\nkind = "final"\nfrom = "x"\n',
        'Argument `[initial.states[0]] kind` must be a kind of one state inside of a mixture, but it is "final"',
    ),
    "no file": (
        FINAL.replace("first", "nowhere.h5"),
        "Argument `[initial] from` must be a result file or the directory of a run, but No such file or directory",
    ),
    "no path": (
        '\n[initial]\nkind = "final"\n',
        "Argument `[initial] from` must be given, but it is missing",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(write, case):
    initial, message = REFUSED[case]
    with pytest.raises(cj.ArgumentError) as caught:
        built(write(initial))
    assert message in str(caught.value)


def test_a_stored_run_without_final_states_or_of_other_blocks(write, tmp_path):
    invoke("run", write(START), "-o", tmp_path / "first")
    with pytest.raises(
        cj.ArgumentError,
        match=r"`\[initial\] from` must hold final states: of a run with \[run\] keep, but",
    ):
        built(write(FINAL))
    invoke("run", write(START, keep=2), "-o", tmp_path / "kept")
    with pytest.raises(cj.ArgumentError, match=r"`\[initial\] state` must be of the blocks and modes of this model"):
        built(write(FINAL.replace("first", "kept"), 'system = "mine.py:build"\nsize = 5'))


ANGLES = """
[initial]
kind = "tilted"
theta = {left = 1.1, right = 0.2}
phi = 0.4
"""

ROUNDED = """
[initial]
kind = "product"
ket = {left = [0.70711, 0.70711], right = ["0.6", "0.8j"]}
"""

TWO_BLOCKS = """
import cojump as cj


def build(size=3):
    return cj.Model([cj.Block("left", size), cj.Block("right", 2)], [], [cj.LocalJump([[0, 0], [1, 0]], "left")])
"""


def state_of(text, tmp_path):
    (tmp_path / "two.py").write_text(TWO_BLOCKS, encoding="utf-8")
    path = tmp_path / "two.toml"
    path.write_text('[model]\nsystem = "two.py:build"\n' + text + REST.format(n_traj=1, keep=0), encoding="utf-8")
    run_file = read_run_file(path)
    (spec,) = run_file.points()
    return spec.build(), run_file, path


def test_angles_of_each_block(tmp_path):
    (model, state), _, _ = state_of(ANGLES, tmp_path)
    mf = cj.mean_field(model, state, [0])
    for name, theta in (("left", 1.1), ("right", 0.2)):
        assert mf[f"{name}.z"].mean[0] == pytest.approx(np.cos(theta), abs=1e-12)
        assert mf[f"{name}.y"].mean[0] == pytest.approx(np.sin(theta) * np.sin(0.4), abs=1e-12)
    for wrong, message in {
        "{left = 1.1}": '`[initial] theta` must have one entry for each block, "left", "right", but "right" is missing',
        "{left = 1.1, right = true}": "`[initial] theta.right` must be",
    }.items():
        with pytest.raises(cj.ArgumentError) as caught:
            state_of(ANGLES.replace("{left = 1.1, right = 0.2}", wrong), tmp_path)
        assert message in str(caught.value)


def test_rounded_kets_are_normalised_and_said_so(tmp_path):
    (model, state), run_file, path = state_of(ROUNDED, tmp_path)
    remark = "`[initial] ket.left` is normalised: its norm is 1.0000046"
    assert run_file.remarks() == [remark]
    assert cj.mean_field(model, state, [0])["left.x"].mean[0] == pytest.approx(1, abs=1e-12)
    assert remark in " ".join(invoke("show", path)[0].split())
    assert f"cojump: {remark}\n" in invoke("run", path)[1]
    with pytest.raises(cj.ArgumentError, match=r"`\[initial\] ket.left` must have norm 1, but its norm is 1.0002"):
        state_of(ROUNDED.replace("[0.70711, 0.70711]", "[1.0002, 0]"), tmp_path)
    inner = '[initial]\nkind = "start"\n[initial.blocks.left]\nkind = "product"\nket = [0.70711, 0.70711]\n'
    inner += '[initial.blocks.right]\nkind = "symmetric"\namplitudes = [0.6, 0, 0.80001]\n'
    mixed = '[initial]\nkind = "mixture"\n[[initial.states]]\nweight = 1\nkind = "product"\nket = [0.99999, 0]\n'
    (_, _), run_file, _ = state_of(inner, tmp_path)
    assert [r.split(" is ")[0] for r in run_file.remarks()] == [
        "`[initial.blocks.left] ket`",
        "`[initial.blocks.right] amplitudes`",
    ]
    (_, _), run_file, _ = state_of(mixed, tmp_path)
    assert run_file.remarks() == ["`[initial.states[0]] ket` is normalised: its norm is 0.99999"]
