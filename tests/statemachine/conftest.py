"""Canned results of the four functions, for tests about the machine and not about images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support import evaluations
from tests.support.pipeline import Pipeline

SIZES = {"small": 300, "medium": 600, "large": 1200}


@pytest.fixture(scope="session", autouse=True)
def recorded(request: pytest.FixtureRequest) -> Iterator[None]:
    """With ``--record-jsonata``, keep a sample of what is evaluated for the reference."""
    if not request.config.getoption("--record-jsonata"):
        yield
        return
    with evaluations.recording():
        yield


@pytest.fixture
def canned(pipeline: Pipeline) -> Callable[..., None]:
    """Return a function that makes Prepare, Resize, MakePdf and BackupOriginal succeed at once.

    Name the states that should run for real, or that a test breaks itself.
    """

    def give(source: dict[str, Any], *, but: tuple[str, ...] = ()) -> None:
        key = source["key"]
        output = {
            "bucket": "outputs",
            "contentType": "image/jpeg",
            "bytes": 2048,
            "sha256": "0" * 64,
            "width": 300,
            "height": 225,
        }
        payloads: dict[str, Any] = {
            "Prepare": {
                "source": source | {"etag": "abc"},
                "image": {
                    "format": "jpeg",
                    "contentType": "image/jpeg",
                    "width": 1600,
                    "height": 1200,
                    "bytes": 4096,
                },
                "mezzanine": {"bucket": "work", "key": "mezzanines/x"},
                "original": {"bucket": "work", "key": "originals/x", "etag": "abc"},
                "renditions": [
                    {"name": name, "key": f"{key}/{name}.jpg", "width": side, "height": side}
                    for name, side in SIZES.items()
                ],
                "documentKey": f"{key}/document.pdf",
                "pdf": {},
                "notify": True,
            },
            "Resize": output | {"name": "any", "key": f"{key}/any.jpg"},
            "MakePdf": output | {"name": "document", "key": f"{key}/document.pdf", "pages": 1},
            "BackupOriginal": {"bucket": "backup", "key": key, "bytes": 4096, "etag": "abc"},
        }
        for state, payload in payloads.items():
            if state not in but:
                pipeline.give_payload(state, payload)

    return give
