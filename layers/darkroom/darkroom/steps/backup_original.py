"""The step BackupOriginal: copy the original to the backup bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkroom.contract.objects import ObjectRef
from darkroom.contract.results import Backup, BackupOriginalTask

if TYPE_CHECKING:
    from darkroom.aws.objects import Objects
    from darkroom.steps.settings import BackupOriginalSettings


def backup_original(
    task: BackupOriginalTask, storage: Objects, settings: BackupOriginalSettings
) -> Backup:
    """Copy the original to the backup bucket, inside S3, under the key of the source.

    The backup bucket is versioned and the record names the version, so every original that was
    processed is kept, whichever run copies last.
    """
    target = ObjectRef(bucket=settings.backup_bucket, key=task.source.key)
    return storage.copy(task.original, task.image.bytes, target)
