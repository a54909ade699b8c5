"""Engines whose tables are made as a state needs them, broken into pieces."""

import numpy as np

from cojump.trajectories import counting_engine, polynomial_tables


def assert_no_influence_of_pauses(monkeypatch, build):
    """Bits do not depend on where the loop returns to Python, on what ran before, nor on what has been forgotten.

    ``build`` makes an engine with tables; returns the one that was broken into pieces and the sectors it has made.
    """
    whole = build().run(1, 0, record=True)
    for home, name, value in (
        (counting_engine, "_SEGMENT", 3),
        (counting_engine, "_EFFORT", 1),
        (counting_engine, "FIRST_REACH", 1),
        (polynomial_tables, "MEMORY", 50_000),
        (polynomial_tables, "_MARGIN", 0),
    ):
        monkeypatch.setattr(home, name, value)
    engine, sectors = build(), []
    make = engine.tables.make
    monkeypatch.setattr(engine.tables, "make", lambda two_J, *rest: sectors.append(two_J) or make(two_J, *rest))
    assert_same_bits(whole, engine)
    assert len(sectors) > len(set(sectors)), "some were made more than once"
    assert whole.n_jumps > 10
    return engine, sectors


def assert_same_bits(whole, engine):
    """An engine that has run another trajectory before, with pauses, makes the bits of a whole one with a record."""
    engine.run(1, 1)
    pieces = engine.run(1, 0, record=True)
    for field in ("mean", "second", "sectors", "counts", "jumps"):
        np.testing.assert_array_equal(getattr(whole, field), getattr(pieces, field), err_msg=field)
