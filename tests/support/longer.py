"""Which of many cases of one property every test run has; the others are more of the same, for the validation."""

import pytest


def few(values, *quick, rows=False):
    """Parameters for all values, of which those that are not among ``quick`` run in the validation alone.

    ``rows``: each value is a tuple of several parameters.
    """
    values = list(values)
    assert all(value in values for value in quick)

    def long(value):
        return pytest.param(*(value if rows else [value]), marks=pytest.mark.validation)

    return [value if value in quick else long(value) for value in values]
