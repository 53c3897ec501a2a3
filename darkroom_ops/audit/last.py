"""The last audit of a stack from this machine: when, and what it found."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from darkroom_ops.deployment import Deployment
from darkroom_ops.home import folder


@dataclass(frozen=True)
class LastAudit:
    """When an audit ended, how many images it checked, and its findings by their kind."""

    at: str  # RFC 3339
    images: int
    findings: dict[str, int]


def keep(deployment: Deployment, images: int, findings: Mapping[str, int]) -> None:
    """Remember an audit that has just ended; that it cannot be is no reason to fail."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    path = _path(deployment)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(LastAudit(now, images, dict(findings)))) + "\n")


def last(deployment: Deployment) -> LastAudit | None:
    """Return the last audit of a whole stack; None when there was none on this machine."""
    try:
        return LastAudit(**json.loads(_path(deployment).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _path(deployment: Deployment) -> Path:
    # Engines share their names with one another, but each start makes another stack.
    whose = hashlib.sha256(deployment.stack_id.encode()).hexdigest()[:16]
    return folder() / "audits" / f"{whose}.json"
