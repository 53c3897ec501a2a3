"""Damaged files of every format: each ends in a picture or in a named error, within the limits.

Decoding runs in the decoder's process, as in the function: a crash would come back as an error
that says so, and is a failure here. The suite tries few files, always the same; ``make fuzz`` many.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import timedelta
from random import Random

import pytest
from darkroom.contract.errors import CorruptImage, ImageTooLarge, UnsupportedImage
from darkroom.contract.limits import MIB, Limits
from darkroom.contract.presets import PdfOptions, Preset
from darkroom.image.pdf import document
from darkroom.image.plan import plan
from darkroom.image.render import render
from darkroom.image.sandbox.parent import decode
from darkroom.image.spec import DecodeSpec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.imaging import files

LIMITS = Limits(
    max_pixels=4_000_000,
    max_side=4_000,
    max_frames=50,
    max_pages=20,
    max_decode_seconds=10,
    max_memory=512 * MIB,
)
SPEC = DecodeSpec(presets=(Preset(name="p", width=40, height=40),), limits=LIMITS)

FILES = files()

INTERESTING = [
    struct.pack(order + kind, value)
    for order in "<>"
    for kind, values in {
        "B": (0, 1, 0x7F, 0x80, 0xFF),
        "H": (0, 1, 0x7FFF, 0x8000, 0xFFFF),
        "I": (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF),
    }.items()
    for value in values
]
"""Numbers at which sizes and offsets break."""


@st.composite
def damaged(draw: Callable[[st.SearchStrategy[object]], object], data: bytes) -> bytes:
    """Change, cut, repeat or swap a few parts of a file, mostly near its beginning."""
    found = bytearray(data)
    for _ in range(draw(st.integers(1, 6))):  # type: ignore[call-overload]
        near = min(len(found), 600)
        at = draw(st.one_of(st.integers(0, near), st.integers(0, len(found))))
        length = draw(st.integers(0, 40))
        kind = draw(st.sampled_from(["set", "number", "cut", "insert", "repeat", "zero", "swap"]))
        assert isinstance(at, int)
        assert isinstance(length, int)
        part = found[at : at + length]
        if kind == "set":
            found[at : at + 1] = bytes([draw(st.integers(0, 255))])  # type: ignore[list-item]
        elif kind == "number":
            number = draw(st.sampled_from(INTERESTING))
            assert isinstance(number, bytes)
            found[at : at + len(number)] = number
        elif kind == "cut":
            del found[at : at + length]
        elif kind == "insert":
            fresh = draw(st.binary(max_size=40))
            assert isinstance(fresh, bytes)
            found[at:at] = fresh
        elif kind == "repeat":
            found[at:at] = part * 3
        elif kind == "zero":
            found[at : at + length] = bytes(len(part))
        else:
            del found[at : at + length]
            found[len(found) // 2 : len(found) // 2] = part
    if draw(st.booleans()):
        end = draw(st.integers(0, len(found)))
        assert isinstance(end, int)
        del found[end:]
    return bytes(found)


def survives(data: bytes) -> None:
    """Check that a file ends in a picture, or in an error that names what is wrong."""
    try:
        decoded = decode(data, SPEC)
    except (CorruptImage, UnsupportedImage, ImageTooLarge) as error:
        message = str(error)
        assert "crashed its decoder" not in message, message
        assert "max_decode_seconds" not in message, message
        assert "max_memory" not in message, message
        assert len(message) < 800
        assert message.endswith((".", "raised."))
        return
    assert decoded.image.width * decoded.image.height <= LIMITS.max_pixels
    for planned in plan("k", decoded.image, SPEC.presets):
        made = render(decoded.mezzanine, planned)
        assert (made.width, made.height) == (planned.width, planned.height)
    document(decoded.mezzanine, "k", PdfOptions())


@pytest.mark.parametrize("name", FILES)
def test_damaged(name: str, request: pytest.FixtureRequest) -> None:
    examples = request.config.getoption("--examples")

    @settings(
        max_examples=examples or 15,
        derandomize=examples is None,
        deadline=timedelta(seconds=20),
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    @given(damaged(FILES[name]))
    def check(data: bytes) -> None:
        survives(data)

    check()


@pytest.mark.again("test_damaged, which cuts files off too")
@pytest.mark.parametrize("name", FILES)
def test_cut_off_anywhere(name: str) -> None:
    data = FILES[name]
    step = max(1, len(data) // 15)
    for end in range(0, len(data), step):
        survives(data[:end])


@pytest.mark.again("test_damaged, which puts rubbish into files too")
@pytest.mark.parametrize("name", FILES)
def test_a_good_beginning_and_then_rubbish(name: str) -> None:
    for size in (0, 1, 7, 100, 5000):
        survives(FILES[name][: 20 + size // 2] + Random(size).randbytes(size))


SVGS = {
    "deep": b"<svg xmlns='http://www.w3.org/2000/svg'>"
    + b"<g>" * 100_000
    + b"</g>" * 100_000
    + b"</svg>",
    "laughs": b"<!DOCTYPE svg [<!ENTITY a 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'>"
    + b"".join(b"<!ENTITY %c '%s'>" % (98 + i, b"&%c;" % (97 + i) * 40) for i in range(8))
    + b"]><svg xmlns='http://www.w3.org/2000/svg'><text>&i;</text></svg>",
    "external": b"<!DOCTYPE svg [<!ENTITY x SYSTEM 'file:///etc/hostname'>]>"
    b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><text>&x;</text></svg>",
    "uses": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'>"
    b"<defs><g id='a0'><rect/></g>"
    + b"".join(
        b"<g id='a%d'>" % (i + 1) + b"<use href='#a%d'/>" % i * 10 + b"</g>" for i in range(9)
    )
    + b"</defs><use href='#a9'/></svg>",
    "loop": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'>"
    b"<g id='a'><use href='#a'/></g></svg>",
    "blur": b"<svg xmlns='http://www.w3.org/2000/svg' width='1900' height='1900'>"
    b"<filter id='f' x='-9999' width='99999'><feGaussianBlur stdDeviation='9999'/></filter>"
    b"<rect filter='url(#f)' width='1900' height='1900'/></svg>",
    "nan": b"<svg xmlns='http://www.w3.org/2000/svg' width='nan' height='-1' "
    b"viewBox='0 0 1e999 0'/>",
    "empty": b"<svg xmlns='http://www.w3.org/2000/svg' width='0' height='0'/>",
    "script": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'>"
    b"<script>while(1);</script></svg>",
}


@pytest.mark.parametrize("name", SVGS)
def test_hostile_drawings(name: str) -> None:
    message = ""
    try:
        decode(SVGS[name], SPEC)
    except (CorruptImage, UnsupportedImage, ImageTooLarge) as error:
        message = str(error)
    assert "crashed its decoder" not in message
