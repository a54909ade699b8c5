"""The state on a lattice between two steps, as :mod:`.counting` goes on with it where terms change in time."""

from __future__ import annotations

from .driven_lattice import part_of
from .lattice import LENGTH, REACH, TOUCHED, WIDEST, copy_into, long_row
from .lattice_box import fit_box, put, tails_of
from .lattice_heff import fill_elements, lay_rows
from .lattice_trajectory import multiplications


def work_of(h_eff):
    """Multiplications that all parts of H_eff take for each amplitude."""
    return multiplications(h_eff.lattice.band, h_eff.lattice.across_axes.shape[0]) * h_eff.parts.row.shape[0]


def settle(h_eff, work, room, tail, reach):
    """As :func:`.lattice_trajectory.settle`, with the elements of each part."""
    lattice, box, after, edges, runs, before = (
        h_eff.lattice, h_eff.box, room.after, room.edges, room.runs, h_eff.two_J,
    )  # fmt: skip
    slots, new_re, new_im = h_eff.parts.row, room.new[0], room.new[1]
    weight = tails_of(runs, room.n_runs[0], new_re, new_im, after.n, room.marginal, edges, tail)
    moved = fit_box(lattice.sizes, lattice.band, after.two_J, after.lo, edges, reach, False, box, slots[0])
    if box.size[0] > h_eff.elements.diagonal.shape[1]:
        return False
    copy_into(before, box.two_J)
    for p in range(slots.shape[0]):
        if moved:
            lay_rows(box.n, slots[p], long_row(box.n.size))
            work.shape[0], work.shape[1] = box.size[0] // slots[p, LENGTH], slots[p, LENGTH]
        copy_into(box.two_J, before)
        one = part_of(h_eff, p)
        fill_elements(one.lattice, box, one.elements, after.two_J, room.place, moved)
    for p in range(1, slots.shape[0]):
        slots[0, WIDEST], slots[0, REACH] = (
            max(slots[0, WIDEST], slots[p, WIDEST]),
            max(slots[0, REACH], slots[p, REACH]),
        )
    for p in range(1, slots.shape[0]):
        slots[p, WIDEST], slots[p, REACH] = slots[0, WIDEST], slots[0, REACH]
    put(
        runs, room.n_runs[0], new_re, new_im, after.lo, edges, box.lo, box.n, box.stride, work.shape,
        slots[0, WIDEST], slots[0, REACH], work.windows[0], work.kept[0], work.taylor_re[0], work.taylor_im[0],
        1.0 / weight**0.5,
    )  # fmt: skip
    slots[0, TOUCHED] = 0
    return True
