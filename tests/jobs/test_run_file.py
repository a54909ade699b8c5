"""The run file: what is read, what is refused, and with which line."""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cojump import systems
from cojump.ensemble.options import default_of
from cojump.errors import ArgumentError
from cojump.jobs.run_file import read_run_file
from cojump.jobs.run_file.run_section import OPTIONS, RunSection
from cojump.jobs.run_file.templates import TEMPLATES, run_file_for
from cojump.jobs.run_file.two_time import KEYS as TWO_TIME_KEYS
from tests.support.run_files import TILTED, flips, text_of

BASE = {
    "model": flips("[50, 200, 800]"),
    "initial": TILTED,
    "times": {"end": "4.0", "steps": "40"},
    "run": {"n_traj": "2000", "seed": "7", "keep": "16"},
}


def toml(**changes):
    """The example run file with other sections in place of its own."""
    return text_of(**{**BASE, **changes})


def with_key(section, **keys):
    return toml(**{section: {**BASE[section], **keys}})


HOPFIELD = {"system": '"hopfield"', "size": "20", "omega": "0.5", "beta": "2.0"}


def build_all(run_file):
    return [point.build() for point in run_file.points()]


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "run.toml"
        path.write_text(text, encoding="utf-8")
        return read_run_file(path)

    return read


@pytest.fixture
def refusal(read):
    """The message of the error that a run file ends in, on reading or on building its points."""

    def refusal(text):
        with pytest.raises(ArgumentError) as caught:
            build_all(read(text))
        message = str(caught.value)
        assert "\n" not in message
        return message

    return refusal


def test_the_example_is_read(read):
    run_file = read(toml())
    assert run_file.run.n_traj == 2000
    assert run_file.run.tolerance == 1e-9
    assert run_file.run.chunk == 64
    assert np.array_equal(run_file.times.array(), np.linspace(0, 4, 41))
    points = run_file.points()
    assert [p.parameters for p in points] == [{"size": 50}, {"size": 200}, {"size": 800}]
    model, state = points[1].build()
    assert model.size == 200
    assert state.is_product


def test_without_a_sweep_the_seed_is_the_runs_own(read):
    (point,) = read(with_key("model", size="50")).points()
    assert point.parameters == {"size": 50}
    assert point.seed == 7


def test_a_point_keeps_its_seed_when_the_sweep_grows(read):
    few = {p.parameters["size"]: p.seed for p in read(with_key("model", size="[50, 800]")).points()}
    many = {p.parameters["size"]: p.seed for p in read(with_key("model", size="[20, 50, 100, 800]")).points()}
    assert few.items() <= many.items()
    assert len(set(many.values())) == 4
    assert all(0 <= seed < 2**63 for seed in many.values())
    assert few[50] != read(with_key("run", seed="8")).points()[0].seed


def test_the_seed_of_a_point_never_changes(read):
    """Pinned: results of a sweep must stay reproducible by later versions."""
    assert [p.seed for p in read(toml()).points()] == [
        2804736013034543550,
        3678796510973883639,
        5291469766017497534,
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (toml(model=None), "Argument `[model]` must be given, but the section is missing"),
        (
            toml(modle={"x": "1"}),
            "Argument `[modle]` must be one of [model], [initial], [times], [run], [drive], [sweep], [two_time], "
            "but it is no section of a run file",
        ),
        (
            "model = 3\n" + toml(model=None),
            "Argument `[model]` must be a section with keys below it, but it is 3",
        ),
        (
            with_key("model", omega=None),
            'Argument `[model] omega` must be given (system "constrained" needs it), but it is missing',
        ),
        (with_key("model", system=None), "Argument `[model] system` must be given, but it is missing"),
        (
            with_key("model", system='"constraint"'),
            'Argument `[model] system` must be one of "free_flips", "constrained", "facilitated", '
            '"hopfield", "potts_hopfield", "lambda_pump", "p_spin", "boundary_time_crystal", "dicke", '
            '"tavis_cummings", "multimode_dicke" or "my_model.py:build", '
            'but it is "constraint"; did you mean "constrained"?',
        ),
        (
            with_key("model", omgea="1.0"),
            'Argument `[model] omgea` must be one of the keys of system "constrained": system, size, omega, '
            'rate_up, rate_down, but it is unknown; did you mean "omega"?',
        ),
        (with_key("model", omega='"0.7"'), 'Argument `[model] omega` must be a finite number, but it is "0.7"'),
        (with_key("model", omega="true"), "Argument `[model] omega` must be a finite number, but it is true"),
        (with_key("model", omega="nan"), "Argument `[model] omega` must be a finite number, but it is nan"),
        (
            with_key("model", omega='[0.7, "0.8"]'),
            'Argument `[model] omega[1]` must be a finite number, but it is "0.8"',
        ),
        (
            with_key("initial", theta='[0.7, "0.8"]'),
            'Argument `[initial] theta` must be a finite number, but it is "0.8"',
        ),
        (
            toml(sweep={"mode": '"zip"'}, initial={"kind": '"tilted"', "theta": "[1, 2]", "phi": "0"}),
            'Argument `[sweep] mode` must be "product", or all lists of one length, '
            "but [model] size has 3 values and [initial] theta has 2",
        ),
        (
            toml(sweep={"mode": '"outer"'}),
            'Argument `[sweep] mode` must be one of "product", "zip", but it is "outer"',
        ),
        (
            toml(sweep={"mod": '"zip"'}),
            'Argument `[sweep] mod` must be one of the keys of [sweep]: mode, but it is unknown; did you mean "mode"?',
        ),
        (
            with_key("run", n_traj="[1000, 2000]"),
            "Argument `[run] n_traj` must be a single value, or be swept along with other keys "
            'by [sweep] mode = "zip", but it is [1000, 2000]',
        ),
        (
            toml(
                sweep={"mode": '"zip"'},
                model={**BASE["model"], "size": "[4, 8, 4]", "omega": "[1.0, 2.0, 1.0]"},
            ),
            "Argument `[sweep]` must make different points, but [4, 1.0] is there twice",
        ),
        (
            toml(
                sweep={"mode": '"zip"'},
                model={**BASE["model"], "size": "4"},
                run={**BASE["run"], "n_traj": "[20, 30]"},
            ),
            "Argument `[run] n_traj` must be a list beside others that tell the points apart, but it is alone",
        ),
        (
            with_key("run", chunk="[1, 2]"),
            "Argument `[run] chunk` must be an integer of at least 1, but it is [1, 2]",
        ),
        (
            with_key("run", target_error='{spins.z = "small"}'),
            'Argument `[run] target_error."spins.z"` must be a finite number greater than 0, but it is "small"',
        ),
        *(
            (
                with_key("run", unravelling=f'{{decay = {{kind = "{kind}", {key} = 1.0}}}}'),
                f"Argument `[run.unravelling.decay] {key}` must be left out, but {why}",
            )
            for kind, key, why in (
                ("heterodyne", "phase", "heterodyne detection has no phase: it measures both quadratures"),
                ("counting", "phase", "photon counting sees no phase"),
                ("counting", "beta", 'counting has no local oscillator; kind = "shifted" has'),
                ("shifted", "error", "clicks have no steps in time that could be wrong"),
            )
        ),
        (
            with_key("run", target_error="0"),
            "Argument `[run] target_error` must be a finite number greater than 0, but it is 0",
        ),
        (
            with_key("run", target_error='{spins.z = 0.1, "spins.z" = 0.2}'),
            'Argument `[run] target_error."spins.z"` must be given once, but it is there with quotes and without',
        ),
        (
            with_key("run", target_error="{}"),
            "Argument `[run] target_error` must hold at least one label, but it is empty",
        ),
        (
            with_key("run", walltime_seconds="0"),
            "Argument `[run] walltime_seconds` must be a finite number greater than 0, but it is 0",
        ),
        (
            with_key("run", min_traj="50"),
            "Argument `[run] min_traj` must be given together with `target_error`, but that is missing",
        ),
        (
            with_key("run", target_error="0.1\nmin_traj = 3000"),
            "Argument `[run] min_traj` must be at most n_traj, or the target is never looked at, "
            "but min_traj is 3000 and n_traj 2000",
        ),
        (
            with_key("run", min_traj="1"),
            "Argument `[run] min_traj` must be an integer of at least 2, but it is 1",
        ),
        (
            with_key("model", rate_up="-1.0"),
            "Argument `[model] rate_up` must be a finite number of at least 0, but it is -1.0",
        ),
        (
            with_key("model", size="50.0"),
            "Argument `[model] size` must be an integer, but it is 50.0",
        ),
        (
            with_key("model", size="[50, true]"),
            "Argument `[model] size[1]` must be an integer, but it is true",
        ),
        (
            with_key("model", size="[]"),
            "Argument `[model] size` must hold at least one value, but it is an empty list",
        ),
        (
            with_key("model", size="[50, 20, 50]"),
            "Argument `[model] size` must hold different values, but 50 is there twice",
        ),
        (
            with_key("model", size="0"),
            "Argument `[model] size` must be an integer of at least 1, but it is 0",
        ),
        (
            with_key("initial", kind='"titled"'),
            'Argument `[initial] kind` must be one of "tilted", "product", "dicke", "symmetric", "occupation", '
            '"corrupted", "start", "mixture", "final", but it is "titled"; did you mean "tilted"?',
        ),
        (
            with_key("initial", theta='"pi/2"'),
            'Argument `[initial] theta` must be a finite number, but it is "pi/2"',
        ),
        (with_key("initial", phi=None), "Argument `[initial] phi` must be given, but it is missing"),
        (
            with_key("initial", angles="[0, 0]"),
            'Argument `[initial] angles` must be one of the keys of kind "tilted": kind, theta, phi, alpha, '
            "but it is unknown",
        ),
        (
            with_key("initial", psi="0.1"),
            'Argument `[initial] psi` must be one of the keys of kind "tilted": kind, theta, phi, alpha, '
            'but it is unknown; did you mean "phi"?',
        ),
        (
            toml(initial={"kind": '"product"', "ket": "[1, 1]"}),
            "Argument `[initial] ket` must have norm 1, but its norm is 1.41421356237",
        ),
        (
            toml(initial={"kind": '"product"', "ket": '[1, "i"]'}),
            'Argument `[initial] ket[1]` must be a number or a string such as "0.3+0.4j", but it is "i"',
        ),
        (
            toml(initial={"kind": '"product"', "ket": "[1, true]"}),
            'Argument `[initial] ket[1]` must be a number or a string such as "0.3+0.4j", but it is true',
        ),
        (
            toml(initial={"kind": '"product"', "ket": '["nan", 0]'}),
            'Argument `[initial] ket[0]` must be a finite number, but it is "nan"',
        ),
        (
            toml(initial={"kind": '"product"'}),
            "Argument `[initial] ket` must be given, or `density` instead of it, but neither is there",
        ),
        (
            toml(initial={"kind": '"product"', "ket": "[1, 0]", "density": "[[1, 0], [0, 0]]"}),
            "Argument `[initial] ket` must be given, or `density` instead of it, but both are there",
        ),
        (
            toml(initial={"kind": '"product"', "density": "[[1, 0], [0]]"}),
            "Argument `[initial] density` must be a square matrix, 2 rows of 2 numbers, but row 1 has 1",
        ),
        (
            toml(initial={"kind": '"product"', "ket": "{spin = [1, 0]}"}),
            'Argument `[initial] ket` must have one entry for each block, "spins", but "spin" is no block',
        ),
        (
            toml(initial={"kind": '"dicke"', "J": "25.3", "M": "0"}),
            "Argument `[initial] J` must be an integer or a half-integer, but it is 25.3",
        ),
        (
            toml(initial={"kind": '"corrupted"', "quality": "1.5"}),
            "Argument `[initial] quality` must be a finite number within 0 and 1, but it is 1.5",
        ),
        (
            with_key("times", end="0"),
            "Argument `[times] end` must be a finite number greater than 0, but it is 0",
        ),
        (with_key("times", end="inf"), "Argument `[times] end` must be a finite number greater than 0, but it is inf"),
        (
            with_key("times", steps="0"),
            "Argument `[times] steps` must be an integer within 1 and 1000000, but it is 0",
        ),
        (
            with_key("times", steps="4.0"),
            "Argument `[times] steps` must be an integer within 1 and 1000000, but it is 4.0",
        ),
        (
            with_key("times", values="[0, 1]"),
            "Argument `[times] end` must be left out when `values` is given, but both are there",
        ),
        (
            toml(times={"values": "[0, 2.5, 2.5]"}),
            "Argument `[times] values` must be increasing, but values[2] = 2.5 <= values[1] = 2.5",
        ),
        (
            toml(times={"values": "[-1, 2]"}),
            "Argument `[times] values[0]` must be a finite number of at least 0, but it is -1",
        ),
        (
            with_key("run", n_traj="0"),
            "Argument `[run] n_traj` must be an integer of at least 1, but it is 0",
        ),
        (
            with_key("run", seed=str(2**63)),
            "Argument `[run] seed` must be an integer below 2^63, but it is 9223372036854775808",
        ),
        (
            with_key("run", tolerance="1e-20"),
            "Argument `[run] tolerance` must be a finite number within 1e-13 and 0.01, but it is 1e-20",
        ),
        (
            with_key("run", keep="2001"),
            "Argument `[run] keep` must be at most n_traj = 2000, but it is 2001",
        ),
        (
            toml(model={**HOPFIELD, "size": "3", "patterns": "[[1, -1, 2]]"}),
            "Argument `[model] patterns[0][2]` must be 1 or -1, but it is 2",
        ),
        (
            toml(model={**HOPFIELD, "patterns": "[[1, -1, 1]]"}),
            "Argument `[model] size` must be left out or agree with `patterns`, "
            "but it is 20 and each pattern has 3 entries",
        ),
        (
            toml(model={**HOPFIELD, "size": None}),
            'Argument `[model] size` must be given with patterns = "uniform", but it is missing',
        ),
        (
            toml(model={**HOPFIELD, "patterns": "{random = 2}"}),
            "Argument `[model.patterns] seed` must be given, but it is missing",
        ),
        (
            toml(model={**HOPFIELD, "merge": "1"}),
            "Argument `[model] merge` must be true or false, but it is 1",
        ),
    ],
)
def test_wrong_values_are_refused_by_name(refusal, text, message):
    assert refusal(text) == message


def test_a_syntax_error_names_file_and_position(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text('[model]\nsystem = "constrained\n', encoding="utf-8")
    with pytest.raises(ArgumentError) as caught:
        read_run_file(path)
    assert str(caught.value).startswith(f"Argument `{path}` must be a TOML file, but ")
    assert "(at line 2, column 22)" in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "run.toml"
    path.write_bytes(b"\xff\xfe[model]")
    with pytest.raises(ArgumentError, match="must be a text file in UTF-8, but byte 0 is none"):
        read_run_file(path)
    path.write_text("x = " + "[" * 20_000, encoding="utf-8")
    with pytest.raises(ArgumentError, match="must be a TOML file"):
        read_run_file(path)


@pytest.mark.parametrize("system", TEMPLATES)
def test_every_template_is_a_run_file(read, system):
    run_file = read(run_file_for(system))
    for point in run_file.points():
        model, state = point.build()
        state.check_fits(model)
    given = tomllib.loads(run_file.text)["model"].keys() - {"system"}
    assert given == run_file.model.builder.keys.keys(), "a template shows every key"


def test_every_named_system_has_a_template():
    assert set(TEMPLATES) == set(systems.NAMED)


def test_potts_patterns(read):
    potts = {"system": '"potts_hopfield"', "size": "8", "levels": "3", "omega": "0.5", "beta": "2.0"}
    start = {"kind": '"corrupted"', "quality": "0.8"}
    for patterns, expected in (
        ('"uniform"', np.zeros((1, 8))),
        ("{random = 2, seed = 5}", systems.random_patterns(2, 8, 5, levels=3)),
        ("[[0, 1, 2, 0, 1, 2, 2, 2]]", [[0, 1, 2, 0, 1, 2, 2, 2]]),
    ):
        (point,) = read(toml(model={**potts, "patterns": patterns}, initial=start)).points()
        expected = systems.potts_hopfield(expected, 3, 0.5, 2.0)
        assert [(b.name, b.size) for b in point.build()[0].blocks] == [(b.name, b.size) for b in expected.blocks]
    with pytest.raises(
        ArgumentError, match=r"patterns\[0\]\[1\]` must be a level, an integer of at least 0, but it is -1"
    ):
        read(toml(model={**potts, "size": None, "patterns": "[[0, -1]]"}, initial=start))
    with pytest.raises(ArgumentError, match="hold only the levels 0 to 2"):
        read(toml(model={**potts, "size": None, "patterns": "[[0, 3]]"}, initial=start)).points()[0].build()


def test_a_grid_of_several_keys(read):
    """Model, initial state and run: every value of one with every value of the others, the last one fastest."""
    run_file = read(
        toml(
            model={**BASE["model"], "size": "[4, 8]", "omega": "[0.7, 0.9]"},
            initial={"kind": '"tilted"', "theta": "[1.1, 0.5]", "phi": "0.4"},
            run={"n_traj": "20", "seed": "[1, 2]"},
        )
    )
    points = run_file.points()
    assert len(points) == 16
    assert points[1].parameters == {"size": 4, "omega": 0.7, "theta": 1.1, "seed": 2}
    assert points[-1].parameters == {"size": 8, "omega": 0.9, "theta": 0.5, "seed": 2}
    assert len({p.seed for p in points}) == 16
    for point in points:
        model, state = point.build()
        assert model.size == point.parameters["size"]
        assert model.hamiltonian[0].matrix[0, 1] == point.parameters["omega"]
        np.testing.assert_allclose(state.densities[0][0, 0].real, np.cos(point.parameters["theta"] / 2) ** 2)


def test_zipped_keys(read):
    run_file = read(
        toml(
            sweep={"mode": '"zip"'},
            model={**BASE["model"], "size": "[4, 8, 4]", "omega": "[0.7, 0.8, 0.9]"},
            run={"n_traj": "[300, 200, 100]", "seed": "5", "keep": "3"},
        )
    )
    points = run_file.points()
    assert [p.parameters for p in points] == [
        {"size": 4, "omega": 0.7},
        {"size": 8, "omega": 0.8},
        {"size": 4, "omega": 0.9},
    ]
    assert [p.run.n_traj for p in points] == [300, 200, 100]
    assert [p.run.keep for p in points] == [3, 3, 3]
    longer = read(run_file.text.replace("[300, 200, 100]", "[301, 202, 103]"))
    assert [p.seed for p in longer.points()] == [p.seed for p in points], "more trajectories of the same points"
    assert longer.differences(run_file.text, {}) == []
    assert run_file.differences(run_file.text.replace('"zip"', '"product"'), {}) == [
        '[sweep] mode is "zip" here and "product" there'
    ]


def test_states_that_are_lists_can_be_swept(read):
    kets = read(toml(model=dict(BASE["model"], size="4"), initial={"kind": '"product"', "ket": "[[1, 0], [0, 1]]"}))
    assert [p.parameters for p in kets.points()] == [{"ket": [1, 0]}, {"ket": [0, 1]}]
    assert [p.build()[1].densities[0][0, 0].real for p in kets.points()] == [1, 0]
    densities = "[[[1, 0], [0, 0]], [[0.5, 0], [0, 0.5]]]"
    mixed = read(toml(model=dict(BASE["model"], size="4"), initial={"kind": '"product"', "density": densities}))
    assert [p.build()[1].densities[0][0, 0].real for p in mixed.points()] == [1, 0.5]


def test_how_long_a_run_goes_on_makes_no_other_run(read):
    run_file = read(toml())
    changes = {"n_traj": "9", "target_error": "0.1", "min_traj": "5", "walltime_seconds": "7", "keep": "16"}
    assert run_file.differences(with_key("run", **changes, checkpoint_seconds="1"), {}) == []
    target = read(with_key("run", target_error='{spins.z = 0.1, "a.b".c = 2, deviation = 1}')).run.target_error
    assert target == {"spins.z": 0.1, "a.b.c": 2.0, "deviation": 1.0}


def test_hopfield_patterns(read):
    (point,) = read(toml(model={**HOPFIELD, "patterns": "{random = 2, seed = 5}"})).points()
    model, _ = point.build()
    expected = systems.hopfield(systems.random_patterns(2, 20, 5), 0.5, 2.0)
    assert [(b.name, b.size) for b in model.blocks] == [(b.name, b.size) for b in expected.blocks]
    listed = {**HOPFIELD, "size": None, "patterns": "[[1, 1, -1], [1, -1, -1]]"}
    (point,) = read(toml(model=listed)).points()
    assert point.parameters == {}
    assert {b.name for b in point.build()[0].blocks} == {"++", "+-", "--"}
    (point,) = read(toml(model=HOPFIELD, initial={"kind": '"corrupted"', "quality": "0.9"})).points()
    np.testing.assert_allclose(np.diag(point.build()[1].densities[0]).real, [0.9, 0.1])


@pytest.mark.parametrize("keys", [{"ket": '[0.6, "0.8j"]'}, {"ket": '{spins = ["0.6", "0.0 + 0.8j"]}'}])
def test_product_kets(read, keys):
    point = read(toml(initial={"kind": '"product"', **keys})).points()[0]
    _, state = point.build()
    np.testing.assert_allclose(state.densities[0], [[0.36, -0.48j], [0.48j, 0.64]])


def test_dicke_by_block(read):
    keys = {"kind": '"dicke"', "J": "{spins = 20}", "M": "-3.0"}
    _, state = read(toml(initial=keys)).points()[0].build()
    assert (state.blocks[0].two_J, state.blocks[0].two_M) == (40, -6)


def test_occupations(read):
    """Three levels, for all blocks alike, by block, and swept."""
    potts = {"system": '"potts_hopfield"', "size": "6", "levels": "3", "omega": "0.5", "beta": "2.0"}
    model = {**potts, "patterns": '"uniform"'}
    for particles, expected in (("[3, 2, 1]", [3, 2, 1]), ("{0 = [1, 0, 5]}", [1, 0, 5])):
        _, state = read(toml(model=model, initial={"kind": '"occupation"', "particles": particles})).points()[0].build()
        np.testing.assert_allclose(np.diag(state.densities[0]).real * 6, expected, rtol=1e-14)
    swept = read(toml(model=model, initial={"kind": '"occupation"', "particles": "[[6, 0, 0], [3, 2, 1]]"})).points()
    assert [p.parameters["particles"] for p in swept] == [[6, 0, 0], [3, 2, 1]]
    for wrong, message in (
        ("3", r"particles` must be a list of numbers of particles, one for each level, but it is 3"),
        ("[3, 2.5, 1]", r"particles\[1\]` must be an integer"),
        ("[3, -2, 5]", r"particles\[1\]` must be an integer of at least 0"),
    ):
        with pytest.raises(ArgumentError, match=message):
            read(toml(model=model, initial={"kind": '"occupation"', "particles": wrong}))
    (point,) = read(toml(model=model, initial={"kind": '"occupation"', "particles": "[3, 2, 2]"})).points()
    with pytest.raises(ArgumentError, match="add up to 6 particles"):
        point.build()


def test_same_meaning_is_no_difference(read):
    run_file = read(toml())
    reordered = "# a comment\n" + with_key("run", tolerance="1e-9", chunk="64").replace("4.0", "4")
    assert run_file.differences(reordered, {}) == []
    assert run_file.differences(with_key("model", omega="0.8", size="[50]"), {}) == [
        "[model] size is [50, 200, 800] here and [50] there",
        "[model] omega is 0.7 here and 0.8 there",
    ]
    assert run_file.differences(with_key("run", keep=None), {}) == ["[run] keep is 16 here and 0 there"]


USER_MODEL = """
from __future__ import annotations
import numpy as np
import cojump as cj

def build(size: int, gamma: float, label: str = "spins", deep: bool = False):
    if gamma > 100:
        raise RuntimeError("gamma is\\ntoo large")
    jump = cj.LocalJump(np.sqrt(gamma) * np.array([[0, 0], [1, 0]]), block=label)
    return cj.Model([cj.Block(label, size)], [], [jump])

def nothing(size: int):
    return None

def undefined(size: int):
    return missing_name
"""


def user(function="build", **keys):
    return toml(model={"system": f'"models/mine.py:{function}"', "size": "[2, 5]", **keys})


@pytest.fixture
def user_file(tmp_path):
    path = tmp_path / "models" / "mine.py"
    path.parent.mkdir()
    path.write_text(USER_MODEL, encoding="utf-8")
    return path


def test_a_users_function(read, user_file):
    run_file = read(user(gamma="2"))
    assert run_file.sources == {"mine.py": USER_MODEL}
    assert [p.build()[0].size for p in run_file.points()] == [2, 5]
    assert run_file.differences(run_file.text, {"mine.py": USER_MODEL}) == []
    assert run_file.differences(run_file.text, {"mine.py": "other"}) == ["the file mine.py has changed since"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (user(gamma='"2"'), 'Argument `[model] gamma` must be a finite number, but it is "2"'),
        (
            user(gamma="2", deep="1"),
            "Argument `[model] deep` must be true or false, but it is 1",
        ),
        (
            user(),
            'Argument `[model] gamma` must be given (system "models/mine.py:build" needs it), but it is missing',
        ),
        (
            user(gamma="101"),
            "Argument `[model] system` must name a function that works, but "
            "models/mine.py:build(gamma = 101.0, size = 2) raises "
            "RuntimeError: gamma is too large (mine.py, line 8)",
        ),
        (
            user("nothing"),
            "Argument `[model] system` must name a function that returns a cojump.Model, "
            "but models/mine.py:nothing returns NoneType",
        ),
        (
            user("undefined"),
            "Argument `[model] system` must name a function that works, but models/mine.py:undefined(size = 2) raises "
            "NameError: name 'missing_name' is not defined (mine.py, line 16)",
        ),
        (
            user("nowhere"),
            "Argument `[model] system` must name a function of models/mine.py "
            '(it has build, nothing, undefined), but it is "models/mine.py:nowhere"',
        ),
        (
            toml(model={"system": '"mine:build"'}),
            'Argument `[model] system` must be a known name or a function such as "my_model.py:build", '
            'but it is "mine:build"',
        ),
    ],
)
def test_a_users_mistakes_are_one_line(refusal, user_file, text, message):
    assert refusal(text) == message


def test_a_users_file_that_cannot_run(refusal, user_file):
    user_file.write_text("def build(size:\n", encoding="utf-8")
    assert "models/mine.py raises SyntaxError: '(' was never closed (mine.py, line 1)" in refusal(user())
    user_file.write_text("import sys\n\neval('1 +')\n", encoding="utf-8")  # the place in mine.py, not in the text
    assert "models/mine.py raises SyntaxError: invalid syntax (mine.py, line 3)" in refusal(user())
    user_file.write_text("import sys\nsys.exit('no')\n", encoding="utf-8")
    assert "models/mine.py raises SystemExit: no (mine.py, line 2)" in refusal(user())
    user_file.unlink()
    assert refusal(user()).endswith("mine.py: No such file or directory")


ODD = {
    "raise Odd": "Odd: (its message cannot be made)",
    "raise Base('a\\nb')": "Base: a b",
    "raise StopIteration": "StopIteration",
    "raise GeneratorExit": "GeneratorExit",
    "sys.exit(0)": "SystemExit: 0",
    "return {}['speed']": "KeyError: 'speed'",
    "return odd()": "RecursionError: maximum recursion depth exceeded",
    "raise ExceptionGroup('two', [ValueError(1), KeyError(2)])": "ExceptionGroup: two (2 sub-exceptions)",
    "raise ValueError('x' * 5000)": "ValueError: " + "x" * 300 + "…",
    "raise cj.errors.StorageError('no file')": "StorageError: no file",
}


@pytest.mark.parametrize("line", ODD)
def test_whatever_a_users_function_raises_is_one_line(line, refusal, user_file):
    """It names the function, the parameters, the error and its place."""
    source = f"""import sys
import cojump as cj
class Odd(Exception):
    def __str__(self):
        raise RuntimeError
class Base(BaseException):
    pass
def odd(**options):
    {line}
"""
    user_file.write_text(source, encoding="utf-8")
    assert refusal(user("odd", deep="true", name='"a"')) == (
        "Argument `[model] system` must name a function that works, but "
        f'models/mine.py:odd(deep = true, name = "a", size = 2) raises {ODD[line]} (mine.py, line 9)'
    )


def test_a_refused_value_that_the_run_file_does_not_have_stands_beside_the_call(refusal, user_file):
    user_file.write_text(
        "import cojump as cj\ndef build(size):\n    return cj.systems.free_flips(size * 2, 0.7, 1.3, 0.8)\n", "utf-8"
    )
    rule = "Argument `[model] size` must be an integer of at least 1, but it is"
    assert refusal(user("build", size="-2")) == f"{rule} -4 in models/mine.py:build(size = -2)"
    user_file.write_text(user_file.read_text().replace("size * 2", "size"), "utf-8")
    assert refusal(user("build", size="-2")) == f"{rule} -2"


values = st.one_of(
    st.none(),
    st.booleans().map(lambda b: str(b).lower()),
    st.integers(-3, 5).map(str),
    st.floats(-2, 2, allow_nan=False).map(repr),
    st.sampled_from(["inf", "nan", '"text"', "[]", "[1, 2]", "{a = 1}", "1979-05-27", '"\\u0000"', "[[1]]"]),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_value_is_read_or_refused(read, data):
    """Whatever is put at any place: points that can be built, or one line that names the place."""
    section = data.draw(st.sampled_from(sorted(BASE)))
    key = data.draw(st.sampled_from([*BASE[section], "values", "chunk", "observables", "distributions"]))
    small = {**BASE["model"], "size": "[2, 3]"}
    tables = {**BASE, "model": small}
    text = toml(**{**tables, section: {**tables[section], key: data.draw(values)}})
    message = f"[{section}]"
    try:
        build_all(read(text))
    except ArgumentError as error:
        message = str(error)
    assert f"[{section}]" in message
    assert "\n" not in message


def test_the_documented_keys_are_the_options():
    """Each option of ``[run]`` has its row in docs/run_file.md, as declared; so have the keys of others."""
    page = (Path(__file__).parents[2] / "docs" / "run_file.md").read_text(encoding="utf-8")
    page, _, two_time = page.partition("\n## [two_time]\n")
    documented = [key for cell in re.findall(r"^\| (`[^|]*`) \|", two_time, re.MULTILINE) for key in cell.split(", ")]
    assert {key.strip("`") for key in documented} == set(TWO_TIME_KEYS)
    rows = re.findall(r"^\| `(\w+)` \| (\S*) ?\| (.*) \|$", page, re.MULTILINE)
    assert [key for key, _, _ in rows] == list(OPTIONS)
    for item, (key, default, text) in zip(fields(RunSection), rows, strict=True):
        rule = OPTIONS[key]
        assert text.startswith(rule.text)
        assert ("swept" in text) is rule.swept
        assert ("may change" in text) is (not rule.identity)
        usual = default_of(item)
        if isinstance(usual, bool):
            assert default == str(usual).lower()
            continue
        assert default == ("" if rule.kind is None or usual in (None, MISSING) else f"{usual:g}")


MODE = """
import cojump as cj


def build(g):
    coupling = cj.ModeCoupling({"atoms": g * cj.operators.sigma_x}, "cavity")
    return cj.Model([cj.Block("atoms", 5), cj.Mode("cavity"), cj.Mode("other")], [coupling])
"""


def test_modes_of_a_model_start_in_coherent_states(read, refusal, tmp_path):
    (tmp_path / "build.py").write_text(MODE)
    model = {"system": '"build.py:build"', "g": "0.5"}
    for alpha, amplitudes in (
        (None, (0j, 0j)),
        ('"0.3+0.4j"', (0.3 + 0.4j,) * 2),
        ("0.5", (0.5, 0.5)),
        ('{other = "1j"}', (0j, 1j)),
    ):
        initial = {**TILTED, "alpha": alpha} if alpha else TILTED
        ((_, state),) = build_all(read(toml(model=model, initial=initial)))
        assert state.amplitudes == amplitudes
    swept = build_all(read(toml(model=model, initial={**TILTED, "alpha": "[0.1, 0.2]"})))
    assert [state.amplitudes[0] for _, state in swept] == [0.1, 0.2]
    for alpha, said in (
        ("{red = 1}", "`[initial] alpha` must be one of the modes 'cavity', 'other', but it is 'red'"),
        ("{}", "`[initial] alpha` must have one entry for each mode, but it is empty"),
        ('"x"', "`[initial] alpha` must be a number or a string"),
    ):
        assert said in refusal(toml(model=model, initial={**TILTED, "alpha": alpha}))
    assert "`[initial] alpha` must be left out, but the model has no modes" in refusal(with_key("initial", alpha="1"))
