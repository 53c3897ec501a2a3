"""libvips, as every step has it."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest
from darkroom.image.vips import vips

from tests.support.images import encoded, picture

CUT = encoded(picture(64, 48), "JPEG")[:-300]
"""A JPEG whose end is missing: libvips warns of it when it closes the file."""

PROGRAM = f"""
from darkroom.image.vips import vips
image = vips().Image.new_from_buffer({CUT!r}, "", access="sequential")
image.avg()
del image
"""


def test_a_warning_of_libvips_never_runs_python(caplog: pytest.LogCaptureFixture) -> None:
    """It may come while another one is handled, at which GLib ends the process."""
    vips().Image.new_from_buffer(CUT, "", access="sequential").avg()
    gc.collect()
    assert not caplog.records


def test_a_warning_of_libvips_is_not_printed_either() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
