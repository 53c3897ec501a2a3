"""BackupOriginal: copy the original to the backup bucket."""

from __future__ import annotations

from darkroom import settings, steps
from darkroom.contracts import Backup, BackupTask, parse
from darkroom.observability import step
from darkroom.storage import Storage

STORAGE = Storage()
SETTINGS = settings.from_environment(settings.BackupSettings)


@step
def handler(payload: object, execution: str) -> Backup:  # noqa: ARG001
    """Back the original up."""
    return steps.back_up(parse(payload, BackupTask), STORAGE, SETTINGS)
