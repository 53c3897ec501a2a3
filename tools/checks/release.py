"""The notes of a release, cut out of CHANGELOG.md: ``python -m tools.checks.release v1.2.3``.

They go to standard output. When the tag, the version and the changelog do not agree, nothing does,
and the exit code is 1.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from darkroom import __version__

CHANGELOG = Path(__file__).resolve().parents[2] / "CHANGELOG.md"


class NotReady(Exception):
    """What the repository says of itself is not what a release needs."""


def notes(tags: list[str], changelog: str, version: str = __version__) -> str:
    """Return what a changelog says of a version, a line for each paragraph and entry.

    Its sections begin with ``## 1.2.3 - 2026-01-31``. NotReady says that the tags are not the one
    of the version, or that its section is not there, not dated or empty.
    """
    if tags != [f"v{version}"]:
        raise NotReady(
            f"Expected the tag v{version}, but received {' '.join(tags) or 'none'}. Tag the commit "
            "in which layers/darkroom/darkroom/__init__.py has the version of the release."
        )
    _, *sections = re.split(r"^## ", changelog, flags=re.MULTILINE)
    bodies = {heading: body for heading, _, body in (each.partition("\n") for each in sections)}
    for heading, body in bodies.items():
        if re.fullmatch(rf"{re.escape(version)} - \d{{4}}-\d\d-\d\d", heading):
            if not body.strip():
                raise NotReady(f"Expected CHANGELOG.md to say what {version} changes: it is empty.")
            # GitHub shows the end of a line as one.
            return re.sub(r"\n +(?![-*\s])", " ", body.strip()) + "\n"
    raise NotReady(
        f"Expected a section “## {version} - YYYY-MM-DD” in CHANGELOG.md, but it has "
        f"{', '.join(bodies) or 'none'}. Name what is unreleased so, with the date of today."
    )


def main(tags: list[str]) -> int:
    """Print the notes, or why there are none."""
    try:
        print(notes(tags, CHANGELOG.read_text()), end="")
    except NotReady as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
