"""Speed of cojump on this machine beside the arithmetic that it cannot avoid; medians of several repetitions.

python -m tests.benchmarks [CASE ...] [--large] [--check | --record]

--large adds N = 100,000, which takes a minute; --check compares the ratios time / floor with those of the repository
and ends with status 1 if one is beyond the margin; --record writes them there. Neither looks at ensembles.
"""

import argparse
import importlib.metadata
import os
import platform
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cojump.trajectories.compilation import prepare

from . import recorded
from .cases import CASES, LARGE, THEORY
from .machinery import N_TRAJ, SIZE, overhead, two_ranks
from .measure import apart
from .sharing import SHARED

REPETITIONS = 7


def processor():
    """The name of the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def machine():
    """Where it was run, with which versions."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("cojump", "numpy", "numba", "mpi4py")]
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return [
        f"{processor()}, {os.cpu_count()} cores{load}; {platform.system()} {platform.machine()}",
        f"Python {platform.python_version()}, {', '.join(versions)}",
    ]


def over(value, reference):
    """How many times the reference, or a dash."""
    return "–" if reference is None else f"{value / reference:.2f}"


def tabulated(title, columns):
    """An empty table with the names of the cases on the left."""
    table = Table(title=title)
    for name in columns:
        table.add_column(name, justify="left" if name == "case" else "right", no_wrap=True)
    return table


def measured(chosen, console, failures):
    """(case, size, figures, recorded ratio) of each row; without figures, and with a line, where it cannot be run."""
    known = recorded.read()
    for case, sizes in chosen.items():
        for size in sizes:
            with console.status(f"{case}, N = {size:,}"):
                try:
                    found = apart(case, size, REPETITIONS)
                except RuntimeError as error:
                    found = None
                    failures.append(f"{recorded.name_of(case, size)} cannot be run: {error}")
            yield case, size, found, known.get(recorded.name_of(case, size))


def trajectories(chosen, console):
    """One row for each case and size; their ratios by name."""
    columns = ("case", "N", "jumps", "n", "K", "k", "µs/jump", "floor", "ratio", "/ recorded")
    columns += ("list", "/ list", "ms/traj.", "peak MiB")
    table, ratios, failures = tabulated("One trajectory on one core, tolerance 1e-9", columns), {}, []
    for case, size, found, before in measured(chosen, console, failures):
        ratios[recorded.name_of(case, size)] = None if found is None else found["ratio"]
        figures = ["–"] * 12
        if found is not None:
            figures = [
                f"{found['jumps']:,.0f}",
                f"{found['support']:,.0f}",
                f"{found['order']:.1f}",
                f"{found['diagonals']}",
                f"{found['us_per_jump']:,.2f}",
                f"{found['floor_us']:,.2f}",
                f"{found['ratio']:.2f}",
                over(found["ratio"], before),
                f"{found['gather_us']:,.2f}",
                f"{found['gather_ratio']:.2f}",
                f"{found['ms']:,.2f}",
                f"{found['peak_mib']:.0f}",
            ]
        table.add_row(case, f"{size:,}", *figures, end_section=size == chosen[case][-1])
    console.print(table)
    console.print(
        "n amplitudes hold all but tolerance² of the weight, K is the order of the series, k elements of H_eff go with "
        "each amplitude;\nfloor: µs that a bare loop takes for their products, per jump (tests/benchmarks/floor.py);\n"
        "list: µs of the same products through a list of places, the floor of states that are no line or grid"
    )
    console.print("\n".join(failures), markup=False)
    return ratios


def theory(chosen, console):
    """One row for what goes without jumps; their ratios by name."""
    table = tabulated("Without jumps", ("case", "N", "ms", "ratio", "/ recorded", "peak MiB"))
    ratios, failures = {}, []
    for case, size, found, before in measured(chosen, console, failures):
        ratios[recorded.name_of(case, size)] = None if found is None else found["ratio"]
        if found is not None:
            figures = f"{found['ms']:.1f}", f"{found['ratio']:.2f}", over(found["ratio"], before)
            table.add_row(case, str(size), *figures, f"{found['peak_mib']:.0f}")
    console.print(table)
    console.print("ratio: to 10⁸ multiplications and additions of the same bare loop")
    console.print("\n".join(failures), markup=False)
    return ratios


def ensembles(console):
    """What comes with an ensemble."""
    table = Table(title="Ensembles")
    for name in ("what", "figure"):
        table.add_column(name, justify="left" if name == "what" else "right")
    with console.status("ensembles"):
        cost, pairs = overhead(), [two_ranks(what) for what in SHARED]
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
        table.add_row("  of two processes without a common run", f"{shared['ceiling']:.2f}")
        both = f"{shared['processor']:.2f}, {shared['processor_ceiling']:.2f}"
        table.add_row("  both in processor time of the busiest rank", both, end_section=True)
    console.print(table)


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only cases with these words in their names")
    parser.add_argument("--large", action="store_true", help="N = 100,000 too")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="fail if a ratio is beyond the margin")
    what.add_argument("--record", action="store_true", help="write the ratios into the repository")
    arguments = parser.parse_args()
    console = Console(width=None if Console().is_terminal else 140, highlight=False)
    console.print("\n".join([f"command    python -m tests.benchmarks {' '.join(sys.argv[1:])}", *machine()]) + "\n")

    def chosen(sizes):
        wanted = [word.lower() for word in arguments.cases]
        return {case: own for case, own in sizes.items() if not wanted or any(word in case.lower() for word in wanted)}

    large = LARGE if arguments.large else {}
    ratios = {}
    if runs := chosen({case: [*own.sizes, *large.get(case, ())] for case, own in CASES.items()}):
        with console.status("compiling"):  # here, not in the first process that is timed
            prepare([CASES[case].build(sizes[0])[0] for case, sizes in runs.items()])
        ratios |= trajectories(runs, console)
    if answers := chosen({case: sizes for case, (_, sizes) in THEORY.items()}):
        ratios |= theory(answers, console)
    if arguments.record:
        recorded.write(ratios, "; ".join(machine()))
    elif arguments.check:
        lines = recorded.beyond(ratios, recorded.read())
        console.print(
            "\n".join(lines) or f"all ratios are within {recorded.MARGIN:g} times those recorded", markup=False
        )
        sys.exit(1 if lines else 0)
    elif not arguments.cases:
        ensembles(console)


if __name__ == "__main__":
    main()
