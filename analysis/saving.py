"""What all scripts here end with: the figure goes to analysis/figures, as PNG and as PDF."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

FIGURES = Path(__file__).resolve().parent / "figures"


def save(figure: Figure, name: str) -> None:
    """Write a figure under this name, in both formats, and print where."""
    FIGURES.mkdir(exist_ok=True)
    for suffix in ("png", "pdf"):
        path = FIGURES / f"{name}.{suffix}"
        figure.savefig(path, dpi=200)
        print(path)
