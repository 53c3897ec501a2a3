"""What pip installs as `darkroom`: says what is missing where the command cannot run.

So it imports nothing that may not be there.
"""

from __future__ import annotations

import gc
import json
import signal
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
    _accept_signals()
    if sys.argv[1:] == ["--version"]:
        from darkroom import __version__

        print(f"darkroom {__version__}")
        return
    if sys.argv[1:2] == ["up"]:  # it runs for long, with a hundred threads
        from darkroom_ops import allocator

        allocator.restart()
    gc.set_threshold(OBJECTS)
    try:
        from darkroom_ops.cli.main import main as run

        run()
    except KeyboardInterrupt:  # while it was imported
        sys.exit(130)
    except ModuleNotFoundError as error:
        _refuse(
            "NotInstalled",
            f"The package {error.name} is missing. Expected the packages that the command needs "
            "beside those of the functions: install Darkroom with its extra `ops`, in a clone by "
            "`pip install -e '.[ops]'`, or run `make demo` there, which does it.",
        )


def _accept_signals() -> None:
    """End on Ctrl-C and SIGTERM, whoever started this, and before anything slow is imported.

    A shell's background job ignores Ctrl-C, and so do the children of some CI runners: Python then
    installs no KeyboardInterrupt. SIGHUP stays as it is: `nohup` means it.
    """
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))


def _refuse(name: str, message: str) -> None:
    if "--json" in sys.argv:
        print(json.dumps({"error": name, "message": message}))
    else:
        print(f"darkroom: {message}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
