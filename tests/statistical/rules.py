"""The statistical rule: no figure off by more than 5 standard errors, few by more than 4, none that stands still."""

from dataclasses import dataclass

import numpy as np

EXACT = 1e-9
"""Where the spread over trajectories vanishes, a figure must be exact to this."""

NO_SPREAD = 1e-10
"""A standard error below this is rounding of figures that do not fluctuate."""


@dataclass
class Verdict:
    """How far figures are from their exact values."""

    worst: float
    beyond_four: float
    exact_miss: float
    largest_error: float
    count: int

    @property
    def passes(self):
        return self.worst <= 5 and self.beyond_four <= 0.005 and self.exact_miss <= EXACT

    def __str__(self):
        return (
            f"{self.count} figures, worst {self.worst:.2f} standard errors, {100 * self.beyond_four:.2f} % beyond 4, "
            f"off by {self.exact_miss:.1e} where nothing fluctuates, largest error {self.largest_error:.1e}"
        )


def pool(verdicts):
    """One verdict on the figures of many cases together.

    The share beyond four is a rule about many figures: of the few dozen of one case, which are correlated, none could
    be beyond.
    """
    count = sum(v.count for v in verdicts)
    return Verdict(
        worst=max(v.worst for v in verdicts),
        beyond_four=sum(v.beyond_four * v.count for v in verdicts) / count,
        exact_miss=max(v.exact_miss for v in verdicts),
        largest_error=max(v.largest_error for v in verdicts),
        count=count,
    )


def compare(pairs):
    """Verdict on a list of (value, standard error, exact value)."""
    values, errors, exact = (np.concatenate([np.ravel(p[k]) for p in pairs]) for k in range(3))
    still = errors < NO_SPREAD
    off = np.abs(values - exact)
    units = off[~still] / errors[~still]
    return Verdict(
        worst=float(units.max(initial=0)),
        beyond_four=float(np.mean(units > 4)) if units.size else 0.0,
        exact_miss=float(off[still].max(initial=0)),
        largest_error=float(errors.max()),
        count=values.size,
    )


def against_oracle(result, solution):
    """Means and second moments of a result against the oracle's."""
    rows, columns = np.triu_indices(len(result.labels))
    return compare(
        [
            (result.mean, result.mean_stderr, solution.mean),
            (
                result.second[:, rows, columns],
                result.second_stderr[:, rows, columns],
                solution.second[:, rows, columns],
            ),
        ]
    )
