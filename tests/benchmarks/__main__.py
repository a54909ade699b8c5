"""Speed of cojump on this machine; medians of several repetitions.

python -m tests.benchmarks [--large]      --large adds N = 100,000, which takes minutes
"""

import argparse
import importlib.metadata
import os
import platform
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .cases import BUDGET, CASES, TRIAL
from .machinery import N_TRAJ, SIZE, overhead, two_ranks
from .measure import apart

REPETITIONS = {100: 7, 1_000: 7, 10_000: 7}
LARGE = {100_000: 3}


def processor():
    """The name of the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def heading(arguments):
    """What was run, where, with which versions."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("cojump", "numpy", "numba", "mpi4py")]
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return "\n".join(
        [
            f"command    python -m tests.benchmarks{' --large' if arguments.large else ''}",
            f"machine    {processor()}, {os.cpu_count()} cores{load}; {platform.system()} {platform.machine()}",
            f"versions   Python {platform.python_version()}, {', '.join(versions)}",
        ]
    )


def ratio(value, reference):
    """How many times the reference, or a dash."""
    return "–" if reference is None else f"{value / reference:.2f}"


def trajectories(sizes, console):
    """One row for each case and size."""
    table = Table(title="One trajectory on one core: H = 0.7 Σσ_x, flips 1.3 up and 0.8 down, t = 4, 41 output times")
    for name in ("case", "N", "jumps", "window", "µs/jump", "/ budget", "ms/trajectory", "/ trial", "peak MiB"):
        table.add_column(name, justify="left" if name == "case" else "right", no_wrap=True)
    for case in CASES:
        for size, repetitions in sizes.items():
            with console.status(f"{case}, N = {size:,}"):
                found = apart(case, size, repetitions)
            trial = TRIAL.get(size) if case == "free flips" else None
            table.add_row(
                case,
                f"{size:,}",
                f"{found['jumps']:,.0f}",
                f"{found['window']:.1f}",
                f"{found['us_per_jump']:.2f}",
                ratio(found["us_per_jump"], BUDGET.get(size)),
                f"{found['ms']:,.2f}",
                ratio(found["ms"], trial),
                f"{found['peak_mib']:.0f}",
                end_section=size == max(sizes),
            )
    console.print(table)
    budget = ", ".join(f"{b:g} at N = {n:,}" for n, b in BUDGET.items())
    console.print(f"budget: µs per jump of free flips, {budget}; trial: an earlier implementation of the same case\n")


def ensembles(console):
    """What comes with an ensemble."""
    table = Table(title="Ensembles")
    for name in ("what", "figure"):
        table.add_column(name, justify="left" if name == "what" else "right")
    with console.status("ensembles"):
        cost, pairs = overhead(), [two_ranks(), two_ranks(sweep=True)]
    table.add_row(f"constrained model, N = {SIZE}: Engine.run, µs per trajectory", f"{cost['alone_us']:.0f}")
    table.add_row(f"the same inside simulate ({N_TRAJ} trajectories)", f"{cost['inside_us']:.0f}")
    table.add_row("  machinery: moments, chunks, folding", f"{cost['inside_us'] - cost['alone_us']:.0f}")
    table.add_row(
        "simulate with one trajectory, ms: mean field and tables", f"{cost['fixed_ms']:.1f}", end_section=True
    )
    for shared in pairs:
        if shared is None:
            table.add_row("two ranks", "no mpiexec")
            continue
        table.add_row(f"{shared['what']}: one rank, s", f"{shared['one']:.2f}")
        table.add_row("two ranks, s", f"{shared['two']:.2f}")
        spread = f"{shared['speed_up']:.2f} ({shared['least']:.2f} to {shared['most']:.2f})"
        table.add_row("speed-up, median (least to most)", spread)
        table.add_row("the same in processor time of the busiest rank", f"{shared['processor']:.2f}", end_section=True)
    console.print(table)


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--large", action="store_true", help="N = 100,000 too")
    arguments = parser.parse_args()
    console = Console(width=None if Console().is_terminal else 120, highlight=False)
    console.print(heading(arguments) + "\n")
    trajectories({**REPETITIONS, **(LARGE if arguments.large else {})}, console)
    ensembles(console)


if __name__ == "__main__":
    main()
