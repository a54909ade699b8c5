"""What the scripts here share: the results of mpi_runs, and where figures go (analysis/figures, as PNG and as PDF)."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

import cojump as cj
from cojump.tools.whole_files import replace_file

if TYPE_CHECKING:
    from cojump.storage.result_sequence import ResultSequence

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "analysis" / "figures"


def stored(case: str) -> ResultSequence:
    """The results of mpi_runs/CASE; says how to make them, and ends, where there are none."""
    directory = ROOT / "mpi_runs" / case / "results"
    if not directory.exists():
        run = f"mpiexec -n 2 cojump run mpi_runs/{case}/run.toml"
        sys.exit(f"{directory.relative_to(ROOT)} is not there yet; first: {run}")
    return cj.load(directory)


def save(figure: Figure, name: str) -> None:
    """Write a figure under this name, in both formats, and print where."""
    FIGURES.mkdir(exist_ok=True)
    for suffix in ("png", "pdf"):
        path = FIGURES / f"{name}.{suffix}"
        image = io.BytesIO()
        figure.savefig(image, format=suffix, dpi=200)
        replace_file(path, image.getvalue(), like=4)  # nothing but an earlier figure is replaced
        print(path)
