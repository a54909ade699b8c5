"""The command line as tests call it: in this process, or in another that finds the same package."""

import os
from pathlib import Path

from click.testing import CliRunner

import cojump
from cojump.cli import cli


def invoke(*arguments, status=0):
    """Run a command in this process; what it wrote on standard output and standard error."""
    outcome = CliRunner().invoke(cli, [str(a) for a in arguments])
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    assert outcome.exit_code == status, outcome.output
    return outcome.stdout, outcome.stderr


def environment(**extra):
    """This process's environment, with the package that is tested first on the path and then these helpers."""
    paths = Path(cojump.__file__).parents[1], Path(__file__).parents[2]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), **extra}
