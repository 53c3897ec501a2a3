"""What pip installs as `darkroom`: says what is missing where the command cannot run.

So it imports nothing that may not be there.
"""

from __future__ import annotations

import gc
import json
import sys

WINDOWS = (
    "Darkroom runs on Linux and macOS, not on Windows itself. Install WSL (`wsl --install`), and "
    "work in there."
)

OBJECTS = 100_000
"""After so many new objects Python looks for circles among them: a command makes few, and looking
takes an eighth of its second."""


def main() -> None:
    """Run the command line; 2 is the exit code where it cannot run (as ``WRONG_USE``)."""
    if sys.platform == "win32":
        _refuse("NotOnWindows", WINDOWS)
    if sys.argv[1:] == ["--version"]:
        from darkroom import __version__

        print(f"darkroom {__version__}")
        return
    gc.set_threshold(OBJECTS)
    try:
        from darkroom_ops.cli.main import main as run

        run()
    except ModuleNotFoundError as error:
        _refuse(
            "NotInstalled",
            f"The package {error.name} is missing. Expected the packages that the command needs "
            "beside those of the functions: install Darkroom with its extra `ops`, in a clone by "
            "`pip install -e '.[ops]'`, or run `make demo` there, which does it.",
        )


def _refuse(name: str, message: str) -> None:
    if "--json" in sys.argv:
        print(json.dumps({"error": name, "message": message}))
    else:
        print(f"darkroom: {message}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
