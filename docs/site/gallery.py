"""Small copies of analysis/figures for the gallery: python docs/site/gallery.py, after the scripts have run."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]

WIDTH, COLOURS = 1100, 256


def shrink(source: Path, target: Path) -> None:
    """A picture of the site's width in few colours: some tens of kilobytes."""
    with Image.open(source) as picture:
        whole = picture.convert("RGB")
    whole = whole.resize((WIDTH, round(whole.height * WIDTH / whole.width)), Image.Resampling.LANCZOS)
    few = whole.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(target, optimize=True)


if __name__ == "__main__":
    for path in sorted((ROOT / "analysis" / "figures").glob("*.png")):
        shrink(path, ROOT / "docs" / "figures" / path.name)
        print(f"docs/figures/{path.name}")
