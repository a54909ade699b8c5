"""How much memory a process may use: the machine's, the limits of its control groups, those of the process itself."""

from __future__ import annotations

import contextlib
import os
import re
import resource
from collections.abc import Iterator, Mapping
from pathlib import Path

SHARE = 0.8
"""Part of the memory that a run may plan to use."""

_LOCAL_RANKS = ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE", "MV2_COMM_WORLD_LOCAL_SIZE", "PALS_LOCAL_SIZE")
"""Set by launchers to the number of ranks on this machine."""

_HOW_MANY = re.compile(r"(\d+)(?:\(x(\d+)\))?")
"""Tasks of a node as Slurm writes them, and on how many nodes in a row: 4(x2),3 is 4, 4 and 3."""


def ranks_here(environment: Mapping[str, str] = os.environ) -> int:
    """How many ranks of this job share the machine, as the launcher tells; 1 without one."""
    found = [1]
    for name in _LOCAL_RANKS:
        with contextlib.suppress(ValueError):
            found.append(int(environment.get(name, "1")))
    return max(*found, _slurm_tasks_here(environment))


def _slurm_tasks_here(environment: Mapping[str, str]) -> int:
    """Tasks of this step of a Slurm job on this machine: srun starts ranks without any launcher of MPI."""
    nodes = [
        (int(number), int(repeated or 1))
        for number, repeated in _HOW_MANY.findall(environment.get("SLURM_STEP_TASKS_PER_NODE", ""))
    ]
    try:
        place = int(environment.get("SLURM_NODEID", ""))
    except ValueError:
        return max((number for number, _ in nodes), default=1)
    for number, repeated in nodes:
        place -= repeated
        if place < 0:
            return number
    return max((number for number, _ in nodes), default=1)


def _of_the_process() -> int:
    """The limit on the address space of this process, or on its data, whichever is less; RLIM_INFINITY for none."""
    limits = [resource.getrlimit(which)[0] for which in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    return min((limit for limit in limits if limit != resource.RLIM_INFINITY), default=resource.RLIM_INFINITY)


def available(root: Path = Path("/"), physical: int | None = None, address_space: int | None = None) -> int:
    """Bytes that this process and those beside it in its control groups may use together.

    The least of the machine's memory, the limits of all control groups that the process is in (versions 1 and 2, from
    its own group up to the root; version 2 has two limits, one that kills and one that slows down), and the limits on
    its address space and data.

    Parameters
    ----------
    root : Path
        Where /proc and /sys are; another place in tests.
    physical, address_space : int, optional
        Bytes of the machine, and of the limit on the address space; asked of the system where they are not given.
    """
    if physical is None:
        physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if address_space is None:
        address_space = _of_the_process()
    limits = [physical, *_group_limits(root)]
    if address_space != resource.RLIM_INFINITY:
        limits.append(address_space)
    return min(limits)


def for_each_rank(workers: int = 1) -> int:
    """Bytes that one rank may plan to use: the limits of the machine and its groups are shared by the ranks on it.

    Where a rank has ``workers``, processes of its own, it is what one of these may use.
    """
    own = _of_the_process()
    shared = available(address_space=resource.RLIM_INFINITY) // (ranks_here() * workers)
    return int(SHARE * (shared if own == resource.RLIM_INFINITY else min(shared, own)))


def _group_limits(root: Path) -> Iterator[int]:
    """Limits of the control groups of this process, the ones above them included."""
    mounts = list(_mounts(root))
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "memory" not in controllers.split(","):
            continue
        names = ("memory.limit_in_bytes",) if controllers else ("memory.max", "memory.high")
        for kind, inside, place in mounts:
            if kind != ("cgroup" if controllers else "cgroup2"):
                continue
            group = Path(path).relative_to(inside) if Path(path).is_relative_to(inside) else Path()
            # in a container the path may be that of the host, of which only the last part is there, or nothing
            for file in (root / place / above / name for above in (group, *group.parents) for name in names):
                limit = "".join(_lines(file)).strip()
                if limit.isdigit():
                    yield int(limit)


def _mounts(root: Path) -> Iterator[tuple[str, str, str]]:
    """Kind, path inside and place of the mounted hierarchies of control groups that know about memory."""
    found = False
    for line in _lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if len(fields) < 5 or len(kinds) < 3 or kinds[0] not in ("cgroup", "cgroup2"):
            continue
        if kinds[0] == "cgroup2" or "memory" in kinds[2].split(","):
            found = True
            yield kinds[0], fields[3], fields[4].lstrip("/")
    if not found:
        yield "cgroup2", "/", "sys/fs/cgroup"
        yield "cgroup", "/", "sys/fs/cgroup/memory"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
