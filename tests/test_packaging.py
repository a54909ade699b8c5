"""What is installed: a wheel that works away from its source, and imports that stay in their place."""

import ast
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import cojump
from tests.support.run_files import flips, run_text

PACKAGE = Path(cojump.__file__).parent
PROJECT = Path(__file__).parents[1]

HOMES = {"mpi4py": {"parallel/mpi.py"}, "h5py": {"storage/hdf5.py"}, "matplotlib": {"report/canvas.py"}}
"""The one file that may import each, at any level."""

RUN = run_text(flips([4, 8]), n_traj=10, keep=2)


def call(*arguments, cwd, **variables):
    """Standard output of a command that succeeds."""
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [str(a) for a in arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**inherited, **variables},
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A directory into which the wheel of this source is installed."""
    place = tmp_path_factory.mktemp("wheel")
    build = ["build", "--wheel", "--no-isolation", "--outdir", place, PROJECT]
    call(sys.executable, "-m", *build, cwd=place)
    (wheel,) = place.glob("*.whl")
    assert wheel.name == f"cojump-{cojump.__version__}-py3-none-any.whl"
    install = ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index"]
    call(sys.executable, "-m", "pip", *install, "--target", place / "site", wheel, cwd=place)
    return place / "site"


def installed(site, cwd, *arguments):
    """Run the installed console script; interpreted, for the kernels of a new place would all be compiled again."""
    script = site / "bin" / "cojump"
    return call(sys.executable, script, *arguments, cwd=cwd, PYTHONPATH=str(site), NUMBA_DISABLE_JIT="1")


def test_the_installed_package_is_the_one_that_is_imported(site, tmp_path):
    code = "import cojump, cojump.ensemble.simulate; print(cojump.__file__); print(cojump.ensemble.simulate.__file__)"
    found = call(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(site)).split()
    assert found == [str(site / "cojump" / "__init__.py"), str(site / "cojump" / "ensemble" / "simulate.py")]


def test_the_wheel_holds_the_package_and_nothing_else(site):
    def sources(directory):
        return {p.relative_to(directory) for p in directory.rglob("*.py")}

    assert sources(site / "cojump") == sources(PROJECT / "src" / "cojump")
    assert (site / "cojump" / "py.typed").exists()
    assert {p.name.partition("-")[0] for p in site.iterdir()} == {"bin", "cojump"}


def test_the_installed_command_works_away_from_its_source(site, tmp_path):
    assert installed(site, tmp_path, "--version") == f"cojump {cojump.__version__}\n"
    assert 'system = "constrained"' in installed(site, tmp_path, "new", "constrained")
    (tmp_path / "run.toml").write_text(RUN, encoding="utf-8")
    assert installed(site, tmp_path, "run", "run.toml").startswith("cojump: 2 points in results/result.h5")
    out = installed(site, tmp_path, "report", "results")
    figures = [line.removeprefix("figure: ") for line in out.splitlines() if line.startswith("figure: ")]
    assert {Path(f).suffix for f in figures} == {".png", ".pdf"}
    assert all((tmp_path / f).stat().st_size > 1000 for f in figures)


def test_importing_cojump_loads_nothing_heavy():
    code = (
        "import sys, cojump\n"
        "heavy = {'mpi4py', 'h5py', 'numba', 'matplotlib', 'numpy', 'scipy', 'rich', 'click'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert call(sys.executable, "-c", code, cwd=PROJECT, PYTHONPATH=str(PACKAGE.parent)) == "[]\n"


def test_every_public_name_is_there():
    for name in cojump.__all__:
        assert getattr(cojump, name) is not None
    assert sorted(cojump.__all__) == sorted(set(cojump.__all__))
    with pytest.raises(AttributeError, match="has no attribute 'simulation_'"):
        _ = cojump.simulation_


@cache
def imports(path):
    """(package, whether at module level) of every import in a file that is not for type checkers only."""
    return list(_imports(path))


def _imports(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inside |= set(ast.walk(node)) - {node}
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.body:
                inside |= set(ast.walk(child))
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        for name in names:
            yield name.partition(".")[0], node not in inside


def files_importing(package, *, anywhere):
    """Files of cojump that import a package, at module level or anywhere."""
    return {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if any(name == package and (anywhere or top) for name, top in imports(path))
    }


@pytest.mark.parametrize("package", HOMES)
def test_each_heavy_package_has_one_home(package):
    assert files_importing(package, anywhere=True) == HOMES[package]


def test_nobody_starts_mpi_by_an_import():
    """parallel/mpi.py imports mpi4py inside functions, for importing it starts MPI."""
    assert files_importing("mpi4py", anywhere=False) == set()


def test_only_kernels_are_compiled():
    found = files_importing("numba", anywhere=True) - {
        "trajectories/kernel_cache.py",
        "trajectories/compilation.py",
        "trajectories/own_copies.py",
        "trajectories/by_reference.py",
    }  # keeps what it has compiled
    assert found
    assert all(name.startswith("trajectories/kernels/") for name in found)
