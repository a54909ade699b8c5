"""Results as tables and datasets: the same numbers under their names, read back by other libraries."""

from __future__ import annotations

import csv
import sys
from dataclasses import replace

import numpy as np
import pytest
import xarray

import cojump as cj
from cojump.storage.result_sequence import ResultSequence


@pytest.fixture(scope="module")
def one():
    model = cj.systems.free_flips(size=6, omega=0.7, rate_up=1.3, rate_down=0.8)
    state = cj.tilted(model, theta=1.1, phi=0.4)
    return cj.simulate(model, state, [0, 0.5, 1.0], n_traj=20, seed=2, keep=3)


@pytest.fixture(scope="module")
def sweep(one):
    return ResultSequence([replace(one, parameters={"size": 6, "omega": w}) for w in (0.7, 0.9)])


def test_a_table_has_each_figure_at_its_place(one):
    table = one.to_dataframe()
    assert list(table.columns) == ["time", "label", "mean", "stderr", "mean_field", "uncertain"]
    assert len(table) == 9
    line = table[(table.time == 0.5) & (table.label == "spins.z")].iloc[0]
    assert line["mean"] == one["spins.z"].mean[1]
    assert line["stderr"] == one["spins.z"].stderr[1] == one.stderr[1, 2]
    assert line["mean_field"] == one.reference[1, 2]


def test_figures_that_are_not_sampled_have_no_errors(one):
    model, state = one.model(), one.state()
    for figures in (cj.mean_field(model, state, one.times), cj.master_equation(model, state, one.times)):
        assert list(figures.to_dataframe().columns) == ["time", "label", "mean"]
        data = figures.to_xarray()
        assert not [name for name in data if str(name).endswith("_stderr")]
        assert (data["covariance"].values == figures.covariance).all()
    steady = cj.steady_state(model).to_dataframe()
    assert list(steady.columns) == ["label", "mean"]


def test_a_kinked_rate_has_no_covariance_and_the_rest():
    model = cj.Model(
        [cj.Block("s", size=5)],
        jumps=[cj.LocalJump(cj.operators.sigma_minus, "s", rate=np.abs, argument={"s": cj.operators.sigma_z})],
    )
    data = cj.mean_field(model, cj.product(model, {"s": np.eye(2) / 2}), [0, 1]).to_xarray()
    assert set(data) == {"mean"}


def test_csv_has_all_digits(one, sweep, tmp_path):
    one.to_csv(tmp_path / "one.csv")
    rows = list(csv.DictReader((tmp_path / "one.csv").read_text().splitlines()))
    assert [float(row["mean"]) for row in rows] == one.mean.ravel().tolist()
    with pytest.raises(cj.StorageError, match="exists already"):
        one.to_csv(tmp_path / "one.csv")
    with pytest.raises(cj.StorageError, match="cannot write"):
        one.to_csv(tmp_path / "none" / "one.csv")
    sweep.to_csv(tmp_path / "all.csv")
    assert (tmp_path / "all.csv").read_text().splitlines()[0].startswith("size,omega,time,label,mean,stderr")


def test_a_dataset_goes_through_a_file(one, tmp_path):
    data = one.to_xarray()
    assert data.attrs["seed"] == 2
    assert data.attrs["n_traj"] == 20
    assert data["trajectories"].dims == ("trajectory", "time", "label")
    data.to_netcdf(tmp_path / "one.nc", engine="scipy")
    with xarray.open_dataset(tmp_path / "one.nc", engine="scipy") as back:
        found = back["covariance"].sel(time=1.0, label="spins.x", partner="spins.z")
        assert float(found) == one.covariance[2, 0, 2]
        assert (back["deviation_stderr"].values == one.deviation_stderr).all()


def test_a_sweep_has_an_axis_of_points(sweep):
    table = sweep.to_dataframe()
    assert list(table.columns[:3]) == ["size", "omega", "time"]
    assert len(table) == 18
    data = sweep.to_xarray()
    assert data["omega"].values.tolist() == [0.7, 0.9]
    assert data["mean"].dims == ("point", "time", "label")
    assert (data["mean"].sel(label="spins.z").isel(point=1).values == sweep[1]["spins.z"].mean).all()


def test_any_name_and_number_goes_through_a_file(one, tmp_path):
    """Names that hide others, that no netCDF knows, seeds beyond 32 bits, points that lack a parameter."""
    odd = {"time": 3.0, "mean": 4, "flag": True, "none": None, "list": [1, 2], "a b/α": 1.0, "label": "x", "seed": 5}
    point = replace(one, seed=2**70, parameters=odd)
    other = replace(one, parameters={"time": 4.0, "size": 20})
    for number, data in enumerate((point.to_xarray(), ResultSequence([point, other]).to_xarray())):
        path = tmp_path / f"{number}.nc"
        data.to_netcdf(path, engine="scipy")
        with xarray.open_dataset(path, engine="scipy") as back:
            assert (back["mean"].values[0] == data["mean"].values[0]).all()
            if number:
                assert back["time_parameter"].values.tolist() == [3.0, 4.0]
                assert back["a_b_alpha"].values.tolist()[0] == 1.0
                assert np.isnan(back["size"].values[0])
            else:
                assert back.attrs["seed"] == str(2**70)
                assert back.attrs["seed_parameter"] == 5
    table = point.to_dataframe()
    assert table["time_parameter"].tolist() == [3.0] * 9
    assert table["time"].tolist() == one.to_dataframe()["time"].tolist()
    merged = replace(one, merged=((1, 12), (2**70, 8)))
    assert merged.to_xarray().attrs["seed"] == f"1, {2**70}"


def test_a_phase_diagram_is_a_table(tmp_path):
    def build(x, y):
        return cj.systems.free_flips(4, x, y, 0.8)

    diagram = cj.attractors.scan(build, [0.1, 0.7], [1.3, 2.0, 3.0], search=2)
    table = diagram.to_dataframe()
    assert len(table) == diagram.maximum.size
    for (i, j), label in np.ndenumerate(diagram.labels):
        lines = table[(table.x == diagram.x[i]) & (table.y == diagram.y[j])]
        assert set(lines["class"]) == {label}
        last = lines[(lines.label == "spins.z") & (lines.start == diagram.maximum.shape[2] - 1)]
        assert last["maximum"].tolist() == [diagram.maximum[i, j, -1, 2]]
    diagram.to_csv(tmp_path / "d.csv")
    assert len((tmp_path / "d.csv").read_text().splitlines()) == len(table) + 1


def test_libraries_that_are_missing_are_named(one, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(cj.UnsupportedError, match=r"to_dataframe needs pandas.*cojump\[data\]"):
        one.to_dataframe()
    with pytest.raises(cj.UnsupportedError, match="to_xarray needs xarray"):
        one.to_xarray()
