"""The ratios of the repository, and what has become of them."""

import json
from pathlib import Path

PATH = Path(__file__).with_name("ratios.json")

MARGIN = 1.5
"""How many times its recorded ratio a case may take: what other work on the same machine does to a median."""

MEANING = (
    "time / floor of each case, medians (see floor.py; for theory the time over that of the yardstick there); null is "
    "a case that cannot be run. Written by `make bench-record`, compared by `make bench-check`."
)


def name_of(case, size):
    """The name of a row."""
    return f"{case}, N = {size}"


def read():
    """Recorded ratios by name; None for a case that could not be run."""
    return json.loads(PATH.read_text(encoding="utf-8"))["ratios"] if PATH.exists() else {}


def write(ratios, machine):
    """Record ratios, in place of those of the same names."""
    kept = {name: None if ratio is None else round(ratio, 2) for name, ratio in {**read(), **ratios}.items()}
    text = json.dumps({"meaning": MEANING, "machine": machine, "ratios": kept}, indent=1, ensure_ascii=False)
    PATH.write_text(text + "\n", encoding="utf-8")


def beyond(ratios, known):
    """A line for each case that takes more than MARGIN times its recorded ratio, or does not run any more."""
    lines = []
    for name, ratio in ratios.items():
        before = known.get(name)
        if name not in known:
            lines.append(f"{name}: no ratio is recorded (make bench-record)")
        elif before is not None and ratio is None:
            lines.append(f"{name}: cannot be run any more; its ratio was {before:.2f}")
        elif before is not None and ratio > MARGIN * before:
            lines.append(f"{name}: {ratio:.2f} times its floor, {ratio / before:.2f} times the recorded {before:.2f}")
    return lines
