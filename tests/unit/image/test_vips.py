"""libvips, as every step has it."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from darkroom.image.vips import forget_errors, said, vips

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


@pytest.fixture
def otherwise(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """libvips as it is when nobody has set it up; each process sets it up once."""
    library, logger = vips(), logging.getLogger("pyvips")
    library.concurrency_set(3)
    library.cache_set_max(50)
    library.block_untrusted_set(False)
    monkeypatch.setattr(logger, "level", logging.DEBUG)
    monkeypatch.delenv("VIPS_WARNING")
    yield library
    vips.__wrapped__()


def test_it_does_one_job_at_a_time_and_keeps_nothing(
    otherwise: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    vips.__wrapped__()
    assert otherwise.concurrency_get() == 1
    assert otherwise.cache_get_max() == 0
    assert os.environ["VIPS_WARNING"] == "1"
    assert logging.getLogger("pyvips").level == logging.WARNING


def test_a_format_that_is_unfit_for_strangers_files_is_not_loaded(
    otherwise: Any, tmp_path: Path
) -> None:
    """libvips' own: whatever stands in the file is believed."""
    file = tmp_path / "any.v"
    otherwise.Image.black(2, 2).write_to_file(file)
    assert otherwise.Image.new_from_file(file).width == 2
    vips.__wrapped__()
    with pytest.raises(otherwise.Error, match="not a known file format"):
        otherwise.Image.new_from_file(file)


def test_what_it_warned_of_is_known_until_it_is_forgotten() -> None:
    forget_errors()
    vips().Image.new_from_buffer(CUT, "", access="sequential").avg()
    assert said() == "VipsJpeg: premature end of JPEG image\n"
    forget_errors()
    assert said() == ""


def test_what_it_says_need_not_be_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's own words may be in it."""
    library = vips()
    spoken = SimpleNamespace(
        vips_error_buffer=lambda: library.ffi.new("char[]", b"caf\xe9 \xc3\xa9")
    )
    monkeypatch.setattr(library, "vips_lib", spoken)
    assert said() == "caf\ufffd é"
