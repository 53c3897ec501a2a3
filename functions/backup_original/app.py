"""BackupOriginal: copy the original to the backup bucket."""

from __future__ import annotations

from darkroom.aws.objects import Objects
from darkroom.contract.model import parse
from darkroom.contract.results import Backup, BackupOriginalTask
from darkroom.steps import settings
from darkroom.steps.backup_original import backup_original
from darkroom.steps.observability import step

STORAGE = Objects()
SETTINGS = settings.from_environment(settings.BackupOriginalSettings)


@step
def handler(payload: object, execution: str) -> Backup:  # noqa: ARG001
    """Back the original up."""
    return backup_original(parse(payload, BackupOriginalTask), STORAGE, SETTINGS)
