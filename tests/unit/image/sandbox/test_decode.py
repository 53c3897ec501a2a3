"""Every format in: what is found, that the picture is right, and what is refused."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import msgspec
import numpy as np
import psutil
import pytest
from darkroom.contract.errors import CorruptImage, ImageTooLarge, InvalidRequest, UnsupportedImage
from darkroom.contract.limits import Limits
from darkroom.contract.presets import Preset
from darkroom.image.input.sniff import CONTENT_TYPES
from darkroom.image.mezzanine import unpack
from darkroom.image.sandbox import parent
from darkroom.image.sandbox.parent import decode
from darkroom.image.spec import Decoded, DecodeSpec
from darkroom.image.vips import vips
from PIL import Image, ImageOps

from tests.support import profiles
from tests.support.images import encoded, picture
from tests.support.imaging import (
    SMALL,
    array,
    chunk,
    develop,
    files,
    found,
    half_clear,
    png,
    rendition,
)

FILES = files()
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="no other system limits it so")
WHOLE = Preset(name="whole", width=160, height=120, format="png")


@pytest.mark.parametrize("name", FILES)
def test_every_format_is_found_by_its_content_alone(name: str) -> None:
    image = found(FILES[name], name="wrong.xyz", content_type="application/octet-stream")
    expected = name.partition("-")[0].replace("apng", "png")
    assert image.format == expected
    assert image.content_type == CONTENT_TYPES[expected]
    assert (image.width, image.height) == (160, 120)
    assert image.bytes == len(FILES[name])
    assert image.transparent == name.endswith("-alpha")
    assert image.pages == (3 if name == "tiff-pages" else 1)
    assert image.frames == (2 if name == "apng" or name.endswith("-animated") else 1)
    assert image.mismatch is None


@pytest.mark.parametrize("name", sorted(FILES.keys() - {"svg", "tiff-float", "png-16", "tiff-16"}))
def test_every_format_shows_the_picture(name: str) -> None:
    """Pixel for pixel what another decoder shows; for HEIC, which has none, the picture itself."""
    made = array(rendition(FILES[name], WHOLE))
    if name.startswith("heic"):
        other = array(picture(160, 120))
    else:
        with Image.open(io.BytesIO(FILES[name])) as image:
            other = array(image)
    if name.endswith("-alpha"):
        made, other = made[:, :78], other[:, :78]
    error = np.abs(made - other)
    if name.startswith(("heic", "avif")):  # decoders differ in how they widen colour
        assert error.mean() < 4
    elif "cmyk" in name:
        assert error.mean() < 60  # Pillow ignores what ink looks like; the picture is the same
    else:
        assert error.max() <= 3, "rounding apart, the same"


@pytest.mark.parametrize("name", ["png-16", "tiff-16", "tiff-float"])
def test_deep_pixels_show_the_picture(name: str) -> None:
    expected = array(picture(160, 120, "L"))
    assert np.abs(array(rendition(FILES[name], WHOLE)) - expected).max() <= 1


@pytest.mark.parametrize(
    ("image_format", "orientation"),
    [*(("JPEG", each) for each in range(1, 9)), ("PNG", 6), ("WEBP", 5), ("TIFF", 8)],
)
def test_all_eight_orientations_become_upright(image_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = picture(96, 64)
    options = {"lossless": True} if image_format == "WEBP" else {"quality": 95, "subsampling": 0}
    options = {} if image_format in {"PNG", "TIFF"} else options
    data = encoded(stored, image_format, exif=exif, **options)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    assert found(data).width == expected.width
    made = rendition(data, Preset(name="p", width=96, height=96, format="png"))
    assert made.size == expected.size
    assert np.abs(array(made) - array(expected)).mean() < 1


COLOURS = [(230, 30, 40), (20, 200, 60), (60, 80, 220), (128, 128, 128), (250, 250, 250)]


@pytest.mark.parametrize(
    ("primaries", "gamma"),
    [(profiles.DISPLAY_P3, 2.2), (profiles.ADOBE_RGB, 2.19921875)],
    ids=["Display P3", "Adobe RGB"],
)
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_colours_follow_the_embedded_profile(
    primaries: profiles.Matrix, gamma: float, image_format: str
) -> None:
    profile = profiles.matrix_profile(primaries, gamma)
    patches = Image.new("RGB", (32 * len(COLOURS), 32))
    for at, colour in enumerate(COLOURS):
        patches.paste(colour, (32 * at, 0, 32 * at + 32, 32))
    options = {"quality": 100} if image_format in {"JPEG", "AVIF"} else {}
    options |= {"lossless": True} if image_format == "WEBP" else {}
    data = encoded(patches, image_format, icc_profile=profile, **options)
    made = array(rendition(data, Preset(name="p", width=80, height=16, format="png")))
    for at, colour in enumerate(COLOURS):
        wanted = profiles.to_srgb(colour, primaries, gamma)
        assert profiles.delta_e(made[8, 16 * at + 8], wanted) < 2.3


def test_cmyk_colours_follow_the_embedded_profile() -> None:
    data = encoded(Image.new("CMYK", (64, 64), (0, 255, 255, 0)), "TIFF", icc_profile=_cmyk())
    red, green, blue = array(rendition(data))[16, 16]
    assert red > 200
    assert max(green, blue) < 80


def test_a_profile_that_is_rubbish_does_not_spoil_the_picture() -> None:
    data = encoded(picture(160, 120), "PNG", icc_profile=b"rubbish" * 40)
    assert (array(rendition(data, WHOLE)) == array(picture(160, 120))).all()


def test_sixteen_bits_are_rounded_and_not_cut_off() -> None:
    values = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    made = array(
        rendition(
            encoded(Image.fromarray(values), "PNG"), Preset(name="p", width=64, format="png")
        ),
        "L",
    )
    assert (made == np.floor(values / 257 + 0.5)).all()


def test_float_beyond_one_is_stretched_from_black_to_white() -> None:
    values = np.linspace(-100, 3000, 64 * 64, dtype=np.float32).reshape(64, 64)
    made = array(
        rendition(
            encoded(Image.fromarray(values), "TIFF"), Preset(name="p", width=64, format="png")
        ),
        "L",
    )
    assert made.min() == 0
    assert made.max() == 255
    assert np.abs(made - (values + 100) / 3100 * 255).max() <= 1


def test_invisible_colours_do_not_bleed_into_edges() -> None:
    image = Image.new("RGBA", (400, 400), (255, 0, 0, 0))
    image.paste((0, 255, 0, 255), (0, 0, 201, 400))
    made = np.asarray(rendition(encoded(image, "PNG"), Preset(name="p", width=100, format="png")))
    visible = made[made[:, :, 3] > 16].astype(int)
    assert visible[:, 0].max() <= 16  # no red
    assert visible[:, 1].min() >= 239


def test_alpha_that_hides_nothing_counts_as_opaque() -> None:
    image = found(encoded(picture(160, 120, "RGBA"), "PNG"))
    assert not image.transparent


def test_mezzanine_holds_every_page_as_large_as_its_use() -> None:
    pages = [Image.new("RGB", (4000, 1000), "red"), Image.new("L", (500, 700), 90)]
    data = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    header = unpack(develop(data).mezzanine).header
    assert [page.size for page in header.pages] == [(2000, 500), (500, 700)]
    assert [page.bands for page in header.pages] == [3, 1]


def test_drawings_are_as_large_as_they_are_needed() -> None:
    data = svg(10, 5, '<rect width="10" height="5"/>')
    image = develop(data, Preset(name="p", width=900, height=900)).image
    assert (image.width, image.height) == (900, 450)


def test_drawings_reach_nothing_outside(tmp_path: object) -> None:
    secret = f"{tmp_path}/secret.png"
    Image.new("RGB", (50, 50), "red").save(secret)
    references = [f"file://{secret}", secret, "http://127.0.0.1:9/x.png", f"../{secret}"]
    images = "".join(f'<image href="{each}" width="50" height="50"/>' for each in references)
    images += (
        f'<image xmlns:x="http://www.w3.org/1999/xlink" x:href="{secret}" width="50" height="50"/>'
    )
    data = svg(50, 50, f'<rect width="50" height="50" fill="#0000ff"/>{images}')
    assert np.abs(array(rendition(data)) - (0, 0, 255)).max() <= 3


def test_drawings_embed_pictures_within_the_limits() -> None:
    bomb = png(20_000, 20_000, b"")
    uri = "data:image/png;base64," + base64.b64encode(bomb).decode()
    data = svg(50, 50, f'<image href="{uri}" width="50" height="50"/>')
    with pytest.raises(ImageTooLarge, match="max_pixels"):
        develop(data)


@pytest.mark.parametrize(
    ("name", "content_type", "words"),
    [
        ("a.png", "", "its name ends in .png"),
        ("a.jpg", "image/gif", "it was declared as image/gif"),
        ("folder.tiff/a.heic", "text/html; charset=utf-8", "and it was declared as text/html"),
        ("a.JPEG", "image/jpeg", None),
        ("no-extension", "binary/octet-stream", None),
    ],
)
def test_a_contradiction_is_recorded(name: str, content_type: str, words: str | None) -> None:
    image = found(FILES["jpeg"], name=name, content_type=content_type)
    assert (image.mismatch is None) if words is None else (words in str(image.mismatch))


def bombs() -> dict[str, bytes]:
    """Return small files that promise huge pictures."""
    jpeg = bytearray(encoded(picture(16, 16)))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", 65_000, 65_000)
    gif = bytearray(FILES["gif"])
    gif[6:10] = struct.pack("<HH", 65_000, 65_000)
    bmp = bytearray(FILES["bmp"])
    bmp[18:26] = struct.pack("<ii", 60_000, 60_000)
    webp = bytearray(FILES["webp-lossless"])
    webp[21:25] = (0x3FFE | 0x3FFE << 14).to_bytes(4, "little")
    frames = b"".join([png(1, 1, b"")[:33], chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))])
    return {
        "png": png(60_000, 60_000, zlib.compress(b"\0" * 100_000)),
        "png-frames": frames + png(1, 1, zlib.compress(b"\0\0"))[33:],
        "jpeg": bytes(jpeg),
        "gif": bytes(gif),
        "bmp": bytes(bmp),
        "webp": bytes(webp),
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="1e6" height="1e6"/>',
    }


@pytest.mark.parametrize("name", bombs())
def test_bombs_are_refused_from_their_header(name: str) -> None:
    with pytest.raises(ImageTooLarge):
        develop(bombs()[name])


@pytest.mark.parametrize("name", FILES)
def test_half_a_file_is_corrupt(name: str) -> None:
    data = FILES[name]
    with pytest.raises((CorruptImage, UnsupportedImage), match="upload"):
        develop(data[: len(data) // 3])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"Hello, this is text.\n" * 9, "looks like text"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"PK\x03\x04" + b"\0" * 30, "a ZIP archive"),
        (b"<!doctype html><html><body><svg></svg></body></html>", "a web page"),
        (bytes(range(1, 200)), "unknown data"),
    ],
)
def test_what_is_no_image_is_named(data: bytes, words: str) -> None:
    with pytest.raises((UnsupportedImage, CorruptImage), match=words):
        develop(data)


class TestDecoderProcess:
    """What only the process around the decoder can do."""

    def test_gives_what_decoding_in_this_process_gives(self) -> None:
        spec = DecodeSpec(presets=(SMALL,))
        for name in ("jpeg", "png-alpha", "tiff-pages", "svg"):
            assert decode(FILES[name], spec) == develop(FILES[name])

    def test_passes_errors_on(self) -> None:
        with pytest.raises(CorruptImage, match="JPEG"):
            decode(FILES["jpeg"][:500], DecodeSpec(presets=(SMALL,)))

    def test_is_not_started_for_what_is_no_image(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parent, "start", lambda: pytest.fail("It was started."))
        with pytest.raises(UnsupportedImage):
            decode(b"Hello, this is text.\n" * 9, _spec())

    def test_that_was_ended_between_two_files_is_started_anew(self) -> None:
        decode(FILES["jpeg"], _spec())
        process = parent.start()
        os.kill(process.pid, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(process.pid)])
        assert not process.alive
        assert self._still_works()
        assert parent.start() is not process

    def test_too_long_is_an_error_of_its_own(self) -> None:
        with _stopped(), pytest.raises(ImageTooLarge, match=r"longer than 0.01 s \(max_decode_s"):
            decode(FILES["jpeg"], _spec(max_decode_seconds=0.01))
        assert self._still_works()

    def test_a_drawing_has_less_time(self) -> None:
        """An SVG of 250 bytes can ask for any amount of work."""
        limits = {"max_decode_seconds": 60.0, "max_drawing_seconds": 0.01}
        with _stopped(), pytest.raises(ImageTooLarge, match=r"0.01 s \(max_drawing_seconds\)"):
            decode(FILES["svg"], _spec(**limits))
        assert decode(FILES["jpeg"], _spec(**limits)).image.format == "jpeg"

    def test_too_much_memory_is_an_error_of_its_own(self) -> None:
        with _stopped(), pytest.raises(ImageTooLarge, match=r"than 2 MiB of memory \(max_memory"):
            decode(FILES["jpeg"], _spec(max_memory=2 * 1024 * 1024))
        assert self._still_works()

    @pytest.mark.parametrize(
        ("deadly", "error", "words"),
        [
            (signal.SIGSEGV, CorruptImage, r"crashed its decoder \(SIGSEGV\)"),
            (
                signal.SIGKILL,
                ImageTooLarge,
                r"ended the decoder .*\(SIGKILL\), as it does when mem",
            ),
        ],
    )
    def test_a_crash_is_an_error_of_its_own(
        self,
        deadly: signal.Signals,
        error: type[Exception],
        words: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        with _stopped() as process:

            def send_and_kill(*message: Any) -> None:
                send(*message)
                os.kill(process.pid, deadly)
                os.kill(process.pid, signal.SIGCONT)

            send = parent.send
            monkeypatch.setattr(parent, "send", send_and_kill)
            with pytest.raises(error, match=words):
                decode(FILES["jpeg"], _spec())
        assert not process.alive
        monkeypatch.undo()
        assert self._still_works()

    def test_one_process_takes_one_file_after_the_other(self) -> None:
        assert self._still_works()
        process = parent.start()
        assert self._still_works()
        with pytest.raises(CorruptImage):
            decode(FILES["jpeg"][:500], _spec())
        os.kill(process.pid, signal.SIGINT)  # Ctrl-C is the parent's
        assert self._still_works()
        assert parent.start() is process

    def test_a_program_that_ends_leaves_none_behind(self) -> None:
        program = (
            "from darkroom.image.sandbox import parent; parent.start(); parent._running.stop();"
            "print(parent.start().pid)"
        )
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        assert not psutil.pid_exists(int(done.stdout))

    def test_has_no_credentials(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As another program tells that is started in its place."""
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-tell")
        kept = {"LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "LD_LIBRARY_PATH": "/opt/lib"}
        kept |= {"TMPDIR": str(tmp_path), "PATH": os.environ["PATH"]}
        for name, value in kept.items():
            monkeypatch.setenv(name, value)
        told = tmp_path / "told"
        program = tmp_path / "python"
        program.write_text(
            f"#!{sys.executable} -IS\nimport json, os\n"
            f"json.dump([dict(os.environ), os.getcwd()], open({str(told)!r}, 'w'))\n"
        )
        program.chmod(0o700)
        with monkeypatch.context() as patch:
            patch.setattr("sys.executable", str(program))
            process = parent.DecoderProcess()
        with pytest.raises(RuntimeError, match="did not start"):
            process.decode(FILES["jpeg"], _spec())
        environment, folder = json.loads(told.read_text())
        environment.pop("__CF_USER_TEXT_ENCODING", None)  # which macOS gives to every process
        assert environment.keys() <= {"PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR",
                                      "PYTHONPATH", "MALLOC_MMAP_THRESHOLD_",
                                      "MALLOC_TRIM_THRESHOLD_", "MALLOC_ARENA_MAX"}  # fmt: skip
        assert environment | kept == environment
        # What an image took goes back to the system, or the process would grow fourfold.
        assert environment["MALLOC_MMAP_THRESHOLD_"] == "16777216"
        assert environment["MALLOC_TRIM_THRESHOLD_"] == "33554432"
        assert environment["MALLOC_ARENA_MAX"] == "2"
        assert folder == "/"

    @pytest.mark.parametrize("ready", [True, False])
    def test_ends_by_itself_when_its_other_side_is_gone(self, ready: bool) -> None:
        process = parent.DecoderProcess()
        if ready:
            process._await_ready()
        process._socket.close()
        assert process._process.wait(60) == 0
        process.stop()

    @only_linux
    def test_its_limits(self) -> None:
        process = parent.DecoderProcess()
        try:
            process.decode(FILES["jpeg"], _spec())
            own = Path(f"/proc/{process.pid}")
            limits, status = ((own / each).read_text("ascii") for each in ("limits", "status"))
        finally:
            process.stop()
        assert re.search(r"Max core file size +0 +0 ", limits)
        assert re.search(r"Max file size +4294967296 +4294967296 ", limits)
        space = 1280 * 2**20 + len(FILES["jpeg"]) + 2**30
        assert re.search(rf"Max address space +{space} +\w+ ", limits)
        assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
        assert not process.alive

    @only_linux
    def test_what_it_gives_up(self) -> None:
        """No core, and nobody else of the same user looks into it (PR_GET_DUMPABLE is 3)."""
        program = (
            "import ctypes, sys; from darkroom.image.sandbox import child; child._harden();"
            "sys.exit(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
        )
        done = subprocess.run([sys.executable, "-W", "error", "-c", program], check=False)
        assert done.returncode == 0

    @only_linux
    def test_what_it_gave_up_is_not_missed_by_whoever_is_allowed_more(self) -> None:
        used = []
        for memory, length in ((300, 9), (300, 9), (200, 9), (300, 9), (300, 8), (301, 8)):
            limits = {"max_memory": memory * 2**20, "max_bytes": length * 2**20}
            decode(FILES["jpeg"], _spec(**limits))
            process = parent.start()
            most = resource.prlimit(process.pid, resource.RLIMIT_AS)[1]
            used.append((process.pid, most // 2**20))
        first, second, third, fourth, fifth, sixth = used
        assert first == second == (first[0], 300 + 9 + 1024)
        assert third == (first[0], 200 + 9 + 1024)
        assert fourth[0] != third[0]
        assert fourth[1] == first[1]
        assert fifth == (fourth[0], 300 + 8 + 1024)
        assert sixth[0] != fifth[0]

    def test_has_no_room_for_what_it_gave_up(self) -> None:
        process = parent.DecoderProcess()
        for memory in (200, 300):
            process.decode(FILES["jpeg"], _spec(max_memory=memory * 2**20))
        assert process.has_room(Limits(max_memory=200 * 2**20))
        assert not process.has_room(Limits(max_memory=300 * 2**20))
        process.stop()

    @only_linux
    def test_memory_beyond_its_address_space_is_an_error_of_its_own(self) -> None:
        """Even if nobody watched it."""
        program = """
import resource, sys
from darkroom.image.sandbox import child
from darkroom.image.sandbox.parent import Job
from darkroom.image.spec import DecodeSpec
from darkroom.contract.limits import Limits
child.BESIDES = 0
job = Job(DecodeSpec(presets=(), limits=Limits(max_memory=10**9, max_bytes=100)), 24)
child._bound(job)
print(resource.getrlimit(resource.RLIMIT_AS))
resource.setrlimit(resource.RLIMIT_AS, (5 * 10**8,) * 2)
child._bound(job)
print(resource.getrlimit(resource.RLIMIT_AS))
try:
    bytearray(10**9)
except MemoryError:
    print("no more")
"""
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines() == [
            "(1000000024, 1000000100)",
            "(500000000, 500000000)",
            "no more",
        ]

    def test_that_does_not_start_is_the_deployments_fault(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.executable", shutil.which("false"))
        process = parent.DecoderProcess()
        with pytest.raises(RuntimeError, match="did not start"):
            process.decode(FILES["jpeg"], _spec())
        assert not process.alive

    def test_that_does_not_start_in_time_is_the_deployments_fault(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(parent, "START_SECONDS", 0.05)
        ready = 'socket.send(b"+")'
        late = IMPOSTOR.replace(ready, f"time.sleep(5)\n{ready}")
        monkeypatch.setattr(f"{__name__}.IMPOSTOR", late)
        process = _impostor("os._exit(3)", tmp_path, monkeypatch)
        with pytest.raises(RuntimeError, match="did not start"):
            process.decode(FILES["jpeg"], _spec())
        assert not process.alive

    def test_that_takes_no_file_is_not_waited_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What goes with it, such as a watermark's picture, is more than a socket holds."""
        monkeypatch.setattr(parent, "END_SECONDS", 0.05)
        limits = Limits(max_decode_seconds=0.05)
        spec = DecodeSpec(presets=(SMALL,), limits=limits, watermark_images={"p": bytes(2**23)})
        with _stopped() as process, pytest.raises(CorruptImage, match="no answer"):
            process.decode(FILES["jpeg"], spec)
        assert not process.alive

    def test_that_is_interrupted_is_ended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        process = parent.DecoderProcess()
        monkeypatch.setattr(parent, "send", MagicMock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            process.decode(FILES["jpeg"], _spec())
        assert not process.alive

    @pytest.mark.parametrize(
        ("ending", "how"),
        [
            ("os._exit(3)", "exit code 3"),
            ("os._exit(0)", "exit code 0"),
            ("os.abort()", "SIGABRT"),
        ],
    )
    def test_the_end_of_a_decoder_is_told(
        self, ending: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It takes the file and is gone."""
        process = _impostor(ending, tmp_path, monkeypatch)
        with pytest.raises(CorruptImage, match=rf"crashed its decoder \({how}\)"):
            process.decode(FILES["jpeg"], _spec())
        assert not process.alive

    @pytest.mark.parametrize(
        ("answer", "how"),
        [
            ("reply(b'no message', b'')", "no answer"),
            ("reply(found(5), b'four')", "no answer"),
            ("reply(found(-1), b'four')", "no answer"),
            ("reply(found(4), None)", "no answer"),
            ("reply(found(0), '/dev/zero')", "no answer"),
            ("socket.close()\ntime.sleep(60)", "no answer"),
            ("socket.send(b'\\0')\nsocket.close()\nos._exit(3)", "exit code 3"),
        ],
    )
    def test_an_answer_that_is_none_ends_the_process(
        self, answer: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A file that has taken the decoder over may say anything."""
        monkeypatch.setattr(parent, "END_SECONDS", 0.05 if how == "no answer" else 10)
        process = _impostor(answer, tmp_path, monkeypatch)
        with pytest.raises(CorruptImage, match=rf"crashed its decoder \({how}\)"):
            process.decode(FILES["jpeg"], _spec())
        assert not process.alive

    @pytest.mark.parametrize("length", [0, 3, 4])
    def test_of_a_file_as_much_is_read_as_was_promised(
        self, length: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        process = _impostor(f"reply(found({length}), b'four')", tmp_path, monkeypatch)
        assert process.decode(FILES["jpeg"], _spec()).mezzanine == b"four"[:length]
        process.stop()

    @pytest.mark.parametrize(
        ("head", "then"),
        [
            ("00000100", "pass"),  # the rest never comes
            ("00ff0000", "socket.send(b'x')"),  # or drop by drop
        ],
    )
    def test_an_answer_that_never_ends_is_not_waited_for(
        self, head: str, then: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer = f"socket.send(bytes.fromhex('{head}'))\n"
        answer += f"while True:\n    {then}\n    time.sleep(0.01)"
        process = _impostor(answer, tmp_path, monkeypatch)
        with pytest.raises(ImageTooLarge, match="max_decode_seconds"):
            process.decode(FILES["jpeg"], _spec(max_decode_seconds=0.1))
        assert not process.alive

    def _still_works(self) -> bool:
        return isinstance(decode(FILES["jpeg"], DecodeSpec(presets=(SMALL,))), Decoded)


def test_the_same_bytes_give_the_same_mezzanine() -> None:
    """And so the same renditions and documents, which are made of nothing else."""
    presets = SMALL, Preset(name="whole", width=200, height=200, format="jpeg")
    for name in FILES:
        assert develop(FILES[name], *presets) == develop(FILES[name], *presets), name


def test_a_watermark_that_cannot_be_drawn_is_the_requests_fault() -> None:
    marked = msgspec.convert({"name": "p", "width": 50, "watermark": {"text": "日本 ok"}}, Preset)
    with pytest.raises(InvalidRequest, match=r"U\+65E5"):
        decode(FILES["jpeg"], DecodeSpec(presets=(marked,)))


def svg(width: int, height: int, content: str) -> bytes:
    """Return a drawing."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
    return f"{head}{content}</svg>".encode()


def _spec(**limits: Any) -> DecodeSpec:
    return DecodeSpec(presets=(SMALL,), limits=Limits(**limits))


IMPOSTOR = """#!{python} -IS
import array, os, sys, time
from socket import SCM_RIGHTS, SOL_SOCKET, socket as Socket
socket = Socket(fileno=int(sys.argv[-1]))

def found(length):
    text = lambda name: bytes([0xa0 + len(name)]) + name
    image = b"\\x85" + text(b"format") + text(b"jpeg") + text(b"contentType") + text(b"image/x")
    image += text(b"width") + b"\\1" + text(b"height") + b"\\1" + text(b"bytes") + b"\\1"
    return b"\\x82" + text(b"image") + image + text(b"length") + bytes([length & 255])

def reply(body, content):
    place = (sys.argv[0] + "-answer", os.O_RDWR | os.O_CREAT)
    file = os.open(*place) if isinstance(content, bytes) else os.open(content or "/", 0)
    if isinstance(content, bytes):
        os.write(file, content)
    files = [(SOL_SOCKET, SCM_RIGHTS, array.array("i", [file]))] if content is not None else []
    socket.sendmsg([len(body).to_bytes(4, "big") + body], files)
    time.sleep(60)

socket.send(b"+")
left = int.from_bytes(socket.recv(4), "big")
while left:
    left -= len(socket.recv(left))
{answer}
"""


def _impostor(answer: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> parent.DecoderProcess:
    """Start a process in the decoder's place, which takes the file and runs a program then."""
    program = folder / "python"
    program.write_text(IMPOSTOR.format(python=sys.executable, answer=answer), encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(program))
    return parent.DecoderProcess()


@contextlib.contextmanager
def _stopped() -> Iterator[parent.DecoderProcess]:
    """The decoder's process, which is ready and does not go on: a file that never ends."""
    decode(FILES["jpeg"], _spec())
    process = parent.start()
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield process
    finally:
        process.stop()


def _cmyk() -> bytes:
    """Return libvips's built-in press profile, as it is embedded on the way out."""
    image = vips().Image.black(8, 8, bands=3).copy(interpretation="srgb")
    converted = image.icc_transform("cmyk", input_profile="srgb")
    return bytes(converted.get("icc-profile-data"))


def test_half_clear_is_found_transparent() -> None:
    assert found(encoded(half_clear(), "PNG")).transparent
