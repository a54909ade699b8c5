"""The command line as tests call it: in this process, or in another that finds the same package."""

import os
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest.mock import patch

from click.testing import CliRunner

import cojump
from cojump.cli import cli


@contextmanager
def undrawn():
    """A report without its figures, which take most of its time."""
    with patch("cojump.report.figures.draw", return_value=()), patch("cojump.report.page.sections", return_value=()):
        yield


def invoke(*arguments, status=0, drawn=False):
    """Run a command in this process; what it wrote on standard output and error. A report is not ``drawn`` unasked."""
    with undrawn() if arguments[:1] == ("report",) and not drawn else nullcontext():
        outcome = CliRunner().invoke(cli, [str(a) for a in arguments])
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    assert outcome.exit_code == status, outcome.output
    return outcome.stdout, outcome.stderr


def environment(**extra):
    """This process's environment, with the package that is tested first on the path and then these helpers."""
    paths = Path(cojump.__file__).parents[1], Path(__file__).parents[2]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), **extra}
