"""libvips, set up for one job at a time. The only module that imports pyvips.

libvips streams an image through decode, resize and conversion a few rows at a time, in SIMD code,
so that a step costs a fraction of the CPU and memory of whole-image libraries (``docs/imaging.md``
has the measurements). Loading it costs about 40 ms, so it loads on first use, not on import.
"""

from __future__ import annotations

import functools
import logging
import os
from typing import Any


@functools.cache
def vips() -> Any:
    """Return pyvips, ready for use.

    That is with one thread per pipeline (a step has about one processor, and steps run in
    parallel), no cache of results (each image is seen once), and without the loaders that libvips
    itself calls unfit for untrusted files.
    """
    logging.getLogger("pyvips").setLevel(logging.WARNING)
    # libvips warns when it closes a file, which Python's garbage collector may have it do anywhere:
    # within pyvips' own handler of warnings too, and GLib aborts at a warning within a warning.
    # With this set, libvips drops its warnings (libvips, init.c); what is lost is in `said`.
    os.environ["VIPS_WARNING"] = "1"
    import pyvips

    pyvips._remove_log_handler()  # noqa: SLF001 - it has no switch
    pyvips.concurrency_set(1)
    pyvips.cache_set_max(0)
    pyvips.block_untrusted_set(True)  # noqa: FBT003 - the library's own signature
    return pyvips


def said() -> str:
    """Return what libvips has said and no error has told: warnings of the files it has read."""
    library = vips()
    text = library.ffi.string(library.vips_lib.vips_error_buffer())
    return str(text.decode("utf-8", errors="replace"))


def forget_errors() -> None:
    """Drop what libvips has said so far: it gathers messages until an error is raised.

    A file whose warnings nobody read would otherwise speak in the next file's error.
    """
    vips().vips_lib.vips_error_clear()
