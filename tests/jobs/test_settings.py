"""``--set SECTION.KEY=VALUE``: what it does to the text of a run file, what is refused, and that results tell of it."""

from __future__ import annotations

import tomllib

import pytest

import cojump as cj
from cojump.errors import ArgumentError
from cojump.jobs.run_file import read_run_file
from cojump.jobs.run_file.settings import with_settings
from cojump.jobs.run_file.templates import run_file_for
from tests.support.command_line import invoke
from tests.support.run_files import flips, run_text

TEMPLATE = run_file_for("constrained")


def parsed(text, *settings):
    return tomllib.loads(with_settings(text, settings))


def test_a_value_is_replaced_and_everything_else_stays():
    changed = with_settings(TEMPLATE, ["model.omega=0.3"]).splitlines()
    different = [(a, b) for a, b in zip(TEMPLATE.splitlines(), changed, strict=True) if a != b]
    assert different == [(f"{'omega = 0.7':<28} # H = omega Σ σ_x", f"{'omega = 0.3':<28} # H = omega Σ σ_x")]


@pytest.mark.parametrize(
    ("setting", "section", "key", "value"),
    [
        ("model.omega=1e-3", "model", "omega", 1e-3),
        ("model.size=[4, 8]", "model", "size", [4, 8]),
        (" model . omega = 0.5 # half", "model", "omega", 0.5),
        ('model."omega"=0.5', "model", "omega", 0.5),
        ('"model".x=[1,\n2]', "model", "x", [1, 2]),
        ("run.burn_in=2", "run", "burn_in", 2),
        ("sweep.mode=zip", "sweep", "mode", "zip"),
        ("model.system=../models/my_model.py:build", "model", "system", "../models/my_model.py:build"),
        ('model.label="a = b"', "model", "label", "a = b"),
        ("run.target_error.spins.z=0.01", "run", "target_error", {"spins": {"z": 0.01}}),
        ("run.target_error={spins.z = 0.01}", "run", "target_error", {"spins": {"z": 0.01}}),
    ],
)
def test_one_key_is_set(setting, section, key, value):
    expected = tomllib.loads(TEMPLATE)
    expected.setdefault(section, {})[key] = value
    assert parsed(TEMPLATE, setting) == expected


@pytest.mark.parametrize(
    "text",
    [
        'model.system = "a"\nmodel.omega = 1\nrun.n_traj = 2\n',
        'model = {system = "a", omega = 1}\r\nrun = {n_traj = 2}\r\n',
        '[run]\nn_traj = 2\n[model]\nsystem = "a"\nomega = [1,  # one\n2]\n[model.patterns]\nrandom = 2',
        '[model]\nsystem = "a"\n[model.omega]\nx = 1\n[run]\nn_traj = 2',
    ],
)
def test_however_the_file_is_written(text):
    found = parsed(text, "model.omega=4", "run.keep=3", "sweep.mode=zip")
    expected = tomllib.loads(text)
    expected["model"]["omega"] = 4
    assert found == {**expected, "run": {"n_traj": 2, "keep": 3}, "sweep": {"mode": "zip"}}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["model.omega"], "`--set` must be SECTION.KEY=VALUE, such as model.omega=0.3, but it is"),
        (["=0.3"], "`--set` must be SECTION.KEY=VALUE"),
        ([""], "`--set` must be SECTION.KEY=VALUE"),
        (["omega=0.3"], "`--set` must be SECTION.KEY=VALUE"),
        (["model.=0.3"], "`--set` must be SECTION.KEY=VALUE"),
        (["model.a b=0.3"], "`--set` must be SECTION.KEY=VALUE"),
        (["[model]\nomega=0.3"], "`--set` must be SECTION.KEY=VALUE"),
        (["model={omega = 0.3}"], "`--set` must be SECTION.KEY=VALUE"),
        (["model.omega="], '`--set model.omega` must have a value in TOML, such as 0.3, true, [50, 200] or "text"'),
        (["model.omega=0.3x"], "`--set model.omega` must have a value in TOML"),
        (["model.omega=1,5"], "`--set model.omega` must have a value in TOML"),
        (["model.omega=[1"], "`--set model.omega` must have a value in TOML"),
        (["model.omega=" + "[" * 5000], "`--set model.omega` must have a value in TOML"),
        (["model.omega=" + "1" * 5000], "`--set model.omega` must have a value in TOML"),
        (["model.deep=True"], "`--set model.deep` must have a value in TOML"),
        (["model.omega=0.3\nsize = 5"], "`--set model.omega` must have a value in TOML"),
        (["model.omega=0.3\n[run]"], "`--set model.omega` must have a value in TOML"),
        (["model.omega=1", "model.omega=1"], '`--set` must set each key once, but "model.omega" is there twice'),
        (["run.x.y=1", "run.x={}"], '`--set` must set each key once, but "run.x" is there twice'),
        (["model.omega.x=1"], "`--set model.omega.x` must name a key of a table, but `omega` is 0.7"),
        (
            ["modle.omega=1"],
            "`[modle]` must be one of [model], [initial], [times], [run], [drive], [sweep], [two_time]",
        ),
        (["model.omgea=1"], '`[model] omgea` must be one of the keys of system "constrained"'),
        (["model.omega=nan"], "`[model] omega` must be a finite number, but it is nan"),
        (["run" + ".x" * 2000 + "=1"], "`--set` must name a key that can be replaced in the text of the run file"),
        (["model.omega=abc"], '`[model] omega` must be a finite number, but it is "abc"'),
        (["run.n_traj=0"], "`[run] n_traj` must be an integer of at least 1, but it is 0"),
        (["model.system=hopfield"], '`[model] rate_up` must be one of the keys of system "hopfield"'),
        (["model.system=hopfeld"], '`[model] system` must be one of "free_flips"'),
    ],
)
def test_what_is_no_setting_is_refused_in_one_line(settings, message, tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(TEMPLATE, encoding="utf-8")
    with pytest.raises(ArgumentError) as caught:
        read_run_file(path, settings)
    assert str(caught.value).startswith(f"Argument {message}")
    assert "\n" not in str(caught.value)


def test_results_tell_what_was_set(tmp_path):
    """The stored run file is the one that ran: the same settings go on, others are refused."""
    path, results = tmp_path / "run.toml", tmp_path / "results"
    path.write_text(run_text(flips([4, 8]), n_traj=6, chunk=4), encoding="utf-8")
    invoke("run", path, "--set", "model.omega=0.3")
    stored = cj.load(results)
    assert tomllib.loads(stored.origin.run_file)["model"]["omega"] == 0.3
    alone = tmp_path / "alone.toml"
    alone.write_text(stored.origin.run_file, encoding="utf-8")
    invoke("run", alone, "-o", results)
    out, _ = invoke("run", path, "--set", "model.omega=0.3")
    assert "complete" in out
    _, err = invoke("run", path, status=2)
    assert "[model] omega is 0.7 here and 0.3 there" in err
    _, err = invoke("run", path, "--set", "model.omega=0.4", status=2)
    assert "[model] omega is 0.4 here and 0.3 there" in err
    invoke("run", path, "--set", "model.omega=0.3", "--set", "run.n_traj=9")
    assert [result.n_traj for result in cj.load(results)] == [9, 9]


def test_show_takes_settings_of_a_run_file_only(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(run_text(flips(4), n_traj=6), encoding="utf-8")
    out, _ = invoke("show", path, "--set", "model.size=[4, 8, 16]")
    assert "points        3" in out
    _, err = invoke("show", tmp_path, "--set", "model.size=4", status=2)
    assert "Argument `--set` must be given with a run file" in err
