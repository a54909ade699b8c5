"""The exit statuses of a run that is not done."""

from __future__ import annotations

STOPPED = 75
"""Exit status of a run that was told to stop and can go on (EX_TEMPFAIL): a job script requeues on it."""

FAILED = 3
"""Exit status of a run in which some points cannot be run."""

BROKEN = 74
"""Exit status of a run that a full disk, an error of the file system or too little memory broke off (EX_IOERR)."""

REFUSED = 2
"""Exit status of what is refused before any work: nothing was run, and nothing that was there has changed."""

INTERRUPTED = 130
"""Exit status after a second Ctrl-C."""
