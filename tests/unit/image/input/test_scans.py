"""Damaged JPEGs: what lost data is refused, what is harmless is shown, and neither is passed on."""

from __future__ import annotations

import random
import re
from functools import cache

import numpy as np
import pytest
from darkroom.contract.errors import CorruptImage
from darkroom.contract.presets import Preset
from darkroom.image.input import restarts, scans
from darkroom.image.mezzanine import Mezzanine, unpack
from darkroom.image.vips import vips
from PIL import Image

from tests.support.images import encoded, opened, picture, scene
from tests.support.imaging import array, develop
from tests.support.profiles import DISPLAY_P3, SRGB_CURVE, rgb_profile

SIZE = (160, 120)
SAME_SIZE = Preset(name="p", width=160, height=120, quality=90)
END = b"\xff\xd9"

PHOTO = encoded(scene(*SIZE, seed=1), quality=85)
PROGRESSIVE = encoded(scene(*SIZE, seed=1), quality=85, progressive=True)
DATA = PHOTO.index(b"\xff\xda") + 14
SCANS = [found.start() for found in re.finditer(b"\xff\xda", PROGRESSIVE)]
RESTARTS = encoded(scene(*SIZE, seed=1), quality=85, restart_marker_blocks=5)


ENDS = [PROGRESSIVE.rindex(b"\xff\xc4", 0, start) for start in SCANS]  # each has a table


def between(number: int, odd: bytes) -> bytes:
    """Return a progressive JPEG with bytes after a scan's data."""
    return PROGRESSIVE[: ENDS[number]] + odd + PROGRESSIVE[ENDS[number] :]


INTERVALS = re.split(rb"(?=\xff[\xd0-\xd7])", RESTARTS)


def restarted(odd: bytes, number: int | None = None) -> bytes:
    """Return a JPEG with bytes before a restart marker, or before all of them."""
    return b"".join(
        part + odd * (i < len(INTERVALS) - 1 and number in {None, i})
        for i, part in enumerate(INTERVALS)
    )


@cache
def mezzanine(data: bytes) -> Mezzanine:
    return unpack(develop(data, SAME_SIZE).mezzanine)


def shown(data: bytes) -> bytes:
    contents = mezzanine(data)
    return bytes(contents.parts[contents.header.pages[0].part])


def shortened(data: bytes, share: float) -> bytes:
    """Cut a share of the data away, and keep the end marker."""
    start = data.index(b"\xff\xda")
    return data[: start + int((len(data) - start) * (1 - share))] + END


def claiming(width: int, height: int) -> bytes:
    """Return a small file that claims to be a large picture."""
    at = PHOTO.index(b"\xff\xc0") + 5
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return PHOTO[:at] + size + PHOTO[at + 4 : DATA + 20] + END


def two_scans(*, keep: int = 3) -> bytes:
    """Return a baseline JPEG with a scan for each component, of which some are missing.

    Each is the scan of a grey picture, and the frame has all three of them.
    """
    planes = [encoded(plane, quality=85) for plane in scene(*SIZE, seed=1).convert("YCbCr").split()]
    start = planes[0].index(b"\xff\xda")
    grey = planes[0][:start]
    at = grey.index(b"\xff\xc0")
    frame = grey[at : at + 9] + b"\x03" + b"".join(bytes([i, 0x11, 0]) for i in (1, 2, 3))
    head = grey[:at] + frame.replace(b"\0\x0b", b"\0\x11", 1) + grey[at + 13 :]
    found = []
    for number, plane in enumerate(planes[:keep], 1):
        scan = plane[plane.index(b"\xff\xda") : -2]
        found.append(scan[:5] + bytes([number]) + scan[6:])
    return head + b"".join(found) + END


@pytest.mark.parametrize(
    "data",
    [
        shortened(PHOTO, 0.6),
        shortened(PHOTO, 0.1),
        shortened(PROGRESSIVE, 0.6),
        shortened(RESTARTS, 0.6),
        PHOTO[:-40],
        PHOTO[:DATA] + bytes(len(PHOTO) - DATA - 2) + END,
        PHOTO[:DATA] + bytes(len(PHOTO) - DATA - 2),
        PHOTO[: len(PHOTO) // 2] + bytes(600) + PHOTO[len(PHOTO) // 2 + 600 :],
        PHOTO[: len(PHOTO) // 2] + bytes(len(PHOTO) // 2) + END,
        claiming(10_000, 9_900),
        claiming(160, 136),
        PROGRESSIVE[: SCANS[3]] + END,
        PROGRESSIVE[: SCANS[-1]] + END,
        two_scans(keep=2),
        two_scans(keep=1),
        PHOTO[:-2] + random.Random(1).randbytes(400).replace(b"\xff", b"") + END,
        between(5, bytes(range(1, 28))),
        between(5, b"abcd" + PHOTO[DATA : DATA + 100]),
        between(5, b"\1\2" * 60),
        PHOTO[:-2] + b"\1\2" * 200 + END,
        PROGRESSIVE[: ENDS[3] - 200] + PROGRESSIVE[ENDS[3] :],
        PHOTO.replace(b"JFIF\0\1", b"JFIF\0\2")[: DATA + 500] + END,
        restarted(bytes(range(1, 18)), 3),
        restarted(PHOTO[DATA : DATA + 200], 3),
        restarted(b"abcd")[:-400] + END,
        restarted(b"abcd")[:-2] + PHOTO[DATA : DATA + 400] + END,
        b"".join(INTERVALS[:9]) + b"abcd" + b"".join(INTERVALS[9:10] + INTERVALS[11:]),
        b"".join(INTERVALS[:8]) + INTERVALS[8][:-60] + b"".join(INTERVALS[9:]),
    ],
    ids=[
        *("60 % cut away", "10 % cut away", "60 % of progressive", "60 % with restarts"),
        *("no end", "zeroed", "zeroed to the end", "a hole", "half of it zeroed"),
        *("claims 99 megapixels", "claims a row more", "of 10 scans 3", "the last scan"),
        *("no third component", "one component of three", "much left over"),
        *("27 bytes after a scan", "many after a scan", "two values after a scan"),
        *("two values at the end", "the end of a scan"),
        *("lost behind a harmless oddity", "17 bytes before a restart", "many before a restart"),
        *("cut behind odd restarts", "left over behind odd restarts", "a restart is missing"),
        "the end of an interval",
    ],
)
def test_lost_data_are_refused(data: bytes) -> None:
    with pytest.raises(CorruptImage, match="upload"):
        develop(data, SAME_SIZE)


def test_lost_data_are_refused_where_the_picture_is_decoded_small() -> None:
    data = encoded(scene(4800, 32, seed=1), quality=60)
    assert develop(data, Preset(name="p", width=600, height=600))
    with pytest.raises(CorruptImage):
        develop(shortened(data, 0.02), Preset(name="p", width=600, height=600))


@pytest.mark.parametrize(
    "data",
    [
        PHOTO[:-2],
        PROGRESSIVE[:-2],
        PHOTO[:-2] + b"abcd" + END,
        PROGRESSIVE[:-2] + b"abcd" + END,
        PHOTO[:-2] + bytes(500) + END,
        PHOTO[:20] + b"abcd" + PHOTO[20:],
        PROGRESSIVE[:20] + b"abcd" + PROGRESSIVE[20:],
        PHOTO.replace(b"JFIF\0\1", b"JFIF\0\2"),
        PHOTO.replace(b"JFIF\0\1", b"JFIF\0\2")[:-2],
        PROGRESSIVE[: SCANS[3]] + b"abcd" * 100 + PROGRESSIVE[SCANS[3] :],
        between(5, bytes(range(1, 19))),
        between(5, bytes(500)),
        between(5, b"abcd")[:-2] + b"abcd" + END,
        two_scans().replace(b"\xff\xda", b"abcd\xff\xda"),
        restarted(b"a"),
        restarted(bytes(range(1, 17))),
        restarted(bytes(500)),
        *(restarted(b"abcd", number) for number in (0, 1, 14)),
    ],
    ids=[
        *("no end marker", "no end marker, progressive", "a few bytes before the end"),
        *("a few bytes before the end, progressive", "padding", "bytes between segments"),
        *("bytes between segments, progressive", "a version of JFIF", "two oddities"),
        *("bytes before a scan", "a few bytes after a scan", "padding after a scan"),
        *("a few bytes after two scans", "a few bytes after scans of one component each"),
        *("a byte before restarts", "bytes before restarts", "padding before restarts"),
        *("a few before the first restart", "the second", "the last"),
    ],
)
def test_what_is_harmless_is_shown_but_never_passed_on(data: bytes) -> None:
    several = two_scans() if data.count(b"\xff\xda") == 3 else PHOTO
    sound = PROGRESSIVE if b"\xff\xc2" in data else several
    sound = RESTARTS if b"\xff\xdd" in data else sound
    assert shown(data) == shown(sound)
    assert mezzanine(sound).header.original is not None
    assert mezzanine(data).header.original is None


@pytest.mark.parametrize(
    "data",
    [
        RESTARTS,
        two_scans(),
        PHOTO + b"what phones put behind it" * 20,
        PHOTO + PHOTO,
        encoded(Image.new("RGB", (160, 120), "white"), optimize=True),
        encoded(Image.new("L", (160, 120)), optimize=True),
        encoded(Image.new("RGB", (1, 1))),
        encoded(scene(160, 120, seed=1), subsampling=0, quality=100),
        encoded(scene(160, 120, seed=1).convert("CMYK")),
    ],
    ids=[
        *("restarts", "three scans", "a trailer", "twice", "white", "black", "one pixel"),
        *("full chroma", "inks"),
    ],
)
def test_sound_files_are_sound(data: bytes) -> None:
    assert scans.sound(data)
    assert develop(data, SAME_SIZE)


def test_one_byte_too_many_is_not_sound_and_counts_where_libjpeg_says_so() -> None:
    assert not scans.sound(PHOTO[:-2] + b"a" + END)
    vips().Image.jpegload_buffer(restarted(b"abcd", 0)).avg()  # of which something is said, too
    assert scans.left_over(PHOTO) == 0
    assert scans.left_over(restarted(b"abcd", 0)) == 4
    assert scans.left_over(shortened(PHOTO, 0.5)) == 0


@pytest.mark.parametrize(
    ("mode", "factors", "interval"),
    [("RGB", 0x11, 20), ("RGB", 0x21, 20), ("RGB", 0x22, 20), ("L", 0x11, 20), ("L", 0x22, 20),
     ("RGB", 0x22, 40), ("RGB", 0x22, 79), ("L", 0x11, 299)],
)  # fmt: skip
def test_what_is_left_over_before_restarts_whatever_a_unit_has(
    mode: str, factors: int, interval: int
) -> None:
    """Colours of every width, a single component, whose own factors say nothing; two intervals."""
    options = {} if mode == "L" else {"subsampling": (0x11, 0x21, 0x22).index(factors)}
    image = scene(160, 120, seed=1).convert(mode)
    sound = encoded(image, quality=85, restart_marker_blocks=interval, **options)
    at = sound.index(b"\xff\xc0") + 11
    sound = sound[:at] + bytes([factors]) + sound[at + 1 :]
    head, *rest = re.split(rb"(?=\xff[\xd0-\xd7])", sound)
    odd = b"".join(b"abcd" + part for part in rest)
    assert restarts.without_spare(head + odd) == sound
    with pytest.raises(CorruptImage):
        develop(head + bytes(range(1, 30)) + b"".join(rest), SAME_SIZE)


def test_what_is_left_over_within_the_scans_of_a_progressive_picture_is_refused() -> None:
    """Its intervals cannot be looked at alone: each refines what others have."""
    sound = encoded(scene(160, 120, seed=1), progressive=True, restart_marker_blocks=20)
    assert shown(sound) == shown(encoded(scene(160, 120, seed=1), progressive=True))
    at = sound.index(b"\xff\xd0")
    with pytest.raises(CorruptImage, match="its parts are damaged or out of order"):
        develop(sound[:at] + b"abcd" + sound[at:], SAME_SIZE)


def test_three_scans_show_all_colours() -> None:
    made = np.frombuffer(shown(two_scans()), np.uint8).astype(float)
    assert np.abs(made - array(opened(two_scans())).ravel()).mean() < 1


@pytest.mark.parametrize(
    ("sound", "spare", "passes"),
    [
        *((PHOTO, 1, True), (PHOTO, 16, True), (PHOTO, 17, False)),
        *((PROGRESSIVE, 1, True), (PROGRESSIVE, 18, True), (PROGRESSIVE, 19, False)),
    ],
)
def test_how_many_bytes_may_be_left_over(sound: bytes, spare: int, passes: bool) -> None:
    """libjpeg does not count the first two, where it tells."""
    data = sound[:-2] + bytes(range(1, 1 + spare)) + END
    if passes:
        assert shown(data) == shown(sound)
    else:
        with pytest.raises(CorruptImage):
            develop(data, SAME_SIZE)


@pytest.mark.parametrize(
    "size",
    [*((24, height) for height in (8, *range(63, 74), 127, 129, 136, 449, 450)), (3, 64), (1, 1)],
)
def test_a_sound_picture_is_sound_whatever_its_size(size: tuple[int, int]) -> None:
    """Also where its last rows are less than a line of an eighth, behind the last whole strip."""
    data = encoded(picture(*size), quality=85)
    scans.check(data)
    assert scans.sound(data)
    with pytest.raises(CorruptImage):
        scans.check(data[:-2] + bytes(range(1, 40)) + END)


def test_a_profile_is_followed_in_an_odd_file() -> None:
    """Although what is decoded is the file without its metadata."""
    wide = rgb_profile(DISPLAY_P3, SRGB_CURVE)
    data = encoded(scene(*SIZE, seed=1), quality=85, icc_profile=wide)
    assert shown(data.replace(b"JFIF\0\1", b"JFIF\0\2")) == shown(data) != shown(PHOTO)


def test_a_turned_picture_is_turned_in_an_odd_file() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(scene(*SIZE, seed=1), quality=85, exif=exif)
    odd = data[:20] + b"abcd" + data[20:]
    assert shown(odd) == shown(data) != shown(PHOTO)


OUT_OF_STEP = PHOTO[:-2] + PHOTO[DATA : DATA + 400] + END
NOISE = encoded(scene(640, 480, seed=1), quality=95)
START = NOISE.index(b"\xff\xda") + 14


@pytest.mark.parametrize(
    ("written_over", "seen"),
    [
        (bytes(32), True),
        (bytes(31), False),
        (b"a line of text\n" * 600, True),
        (b"a line of text\n" * 200, False),
        (NOISE[START + 9000 : START + 18000], False),
        (b"", False),
    ],
    ids=["zeros", "fewer zeros", "text", "little text", "a part of a picture", "nothing"],
)
def test_which_large_files_are_looked_at_twice(
    written_over: bytes, seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where data are left over, only a second look tells; what is written over files betrays it."""
    monkeypatch.setattr(scans, "SMALL", 100)
    monkeypatch.setattr(scans, "_AT_ONCE", 16384)
    at = START + 16384 + 50  # across what is looked at once
    data = NOISE[:at] + written_over + NOISE[at + len(written_over) :]
    assert scans._is_suspicious(data, START) is seen
    assert not scans._is_suspicious(NOISE + bytes(100), START), "behind the picture is what may"
    if seen:
        with pytest.raises(CorruptImage):
            scans.check(data[:-2] + OUT_OF_STEP[DATA:])


def test_what_is_left_over_in_a_large_file_is_never_passed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(CorruptImage):
        scans.check(OUT_OF_STEP)
    monkeypatch.setattr(scans, "SMALL", 100)
    scans.check(OUT_OF_STEP)
    assert not scans.sound(OUT_OF_STEP)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", PHOTO[:100], PHOTO[: DATA - 14] + END])
def test_without_a_scan_there_is_nothing_to_say(data: bytes) -> None:
    scans.check(data)
    assert not scans.sound(data)


@pytest.mark.parametrize(
    ("kind", "progressive"),
    [(0xC0, False), (0xC1, False), (0xC2, True), (0xC9, False), (0xCA, True)],
)
def test_what_is_told_before_the_first_scan(kind: int, progressive: bool) -> None:
    data = PHOTO.replace(b"\xff\xc0", bytes([0xFF, kind]))
    for between in (b"", b"\xff\x01", b"\xff\xd0", b"\xff\xd7\xff\xd8", b"\xff\xff"):
        found = scans.read_frame(data[:20] + between + data[20:])
        start = DATA + len(between)
        assert found == (progressive, b"\1\2\3", start - 14, start, not progressive)


@pytest.mark.parametrize("kind", [0xC3, 0xC5, 0xC8, 0xCB])
def test_other_frames_are_left_to_the_decoder(kind: int) -> None:
    found = scans.read_frame(PHOTO.replace(b"\xff\xc0", bytes([0xFF, kind])))
    assert found is not None
    assert (found.components, found.progressive) == (b"", False)


def test_data_left_over_before_padding_are_left_over() -> None:
    with pytest.raises(CorruptImage):
        develop(PHOTO[:-2] + PHOTO[DATA : DATA + 100] + bytes(100) + END, SAME_SIZE)


def test_padding_may_follow_data_that_end_with_255() -> None:
    """Which a byte of zero follows, that is no padding (ITU-T T.81, B.1.1.5)."""
    corner = scene(400, 400, seed=2).crop((154, 154, 218, 202)).convert("L")
    data = encoded(corner, quality=90)
    assert data.endswith(b"\xff\0" + END)
    scans.check(data[:-2] + bytes(500) + END)


def test_what_follows_an_odd_picture_is_none_of_it() -> None:
    assert shown(PROGRESSIVE[:-2] + b"abcd" + END + PROGRESSIVE) == shown(PROGRESSIVE)


@pytest.mark.parametrize(("size", "looked_at"), [(256 * 1024, True), (256 * 1024 + 1, False)])
def test_how_small_is_small(size: int, looked_at: bool) -> None:
    out_of_step = PHOTO[:-2] + PHOTO[DATA : DATA + 400] + END
    data = out_of_step + b"x" * (size - len(out_of_step))
    if looked_at:
        with pytest.raises(CorruptImage):
            scans.check(data)
    else:
        scans.check(data)


NO_255 = b"\xfe" * 4096


@pytest.mark.parametrize(
    ("scan", "suspicious"),
    [
        (bytes(32), True),
        (b"x" + bytes(32), True),
        (bytes(32) + END + bytes(32), True),
        (bytes(31), False),
        (END + bytes(32), False),
        (b"x" * 31 + END + bytes(32), False),
        (NO_255, True),
        (NO_255[1:], False),
        (NO_255 + END + bytes(32), True),
        (b"\xff\0" + NO_255, False),  # and so it does not fill what is looked at
        (b"\xff\0" + NO_255 * 2, True),
        (b"\xff\0" * 5000, False),
        (b"\xff\0" * 2048 + NO_255, True),
        ((b"\xff\0" * 8184) + bytes(32), True),  # across what is looked at once
        ((b"\xff\0" * 8188) + bytes(32) + END, True),
        ((b"\xff\0" * 8191) + END + bytes(99), False),
        ((b"\xff\0" * 20000) + bytes(32) + END, True),
        ((b"\xff\0" * 20000) + END + NO_255 * 2, False),
        ((bytes(range(224)) * 19)[:4096], True),
        ((b"\1" * 1024 + bytes(range(255)) * 13)[:4096], False),
        ((bytes(range(225)) * 19)[:4096], False),  # more than text has: a photo may be so
        (b"\xff\0" + bytes(range(255)) * 17 + NO_255 * 2, True),
        (b"", False),
    ],
)
def test_what_is_suspicious(scan: bytes, suspicious: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "_AT_ONCE", 16384)
    assert scans._is_suspicious(scan, 0) is suspicious
    assert scans._is_suspicious(memoryview(b"\0" * 50 + scan), 50) is suspicious


@pytest.mark.parametrize(
    ("heads", "whole"),
    [
        ([(b"\1\2\3", 0, 63, 0)], True),
        ([(b"\1\2\3", 0, 0, 0), (b"\1", 1, 63, 0), (b"\2", 1, 63, 0), (b"\3", 1, 63, 0)], True),
        ([(b"\1\2\3", 0, 0, 0), (b"\1", 1, 63, 0), (b"\2", 1, 63, 0), (b"\3", 1, 62, 0)], False),
        ([(b"\1\2\3", 0, 0, 0), (b"\1", 1, 63, 0), (b"\2", 1, 63, 0), (b"\3", 2, 63, 0)], False),
        ([(b"\1\2\3", 1, 63, 0)], False),
        ([(b"\1\2\3", 0, 62, 0)], False),
        ([(b"\1\2", 0, 63, 0)], False),
        ([(b"\2\3", 0, 63, 0)], False),
        ([(b"\1\2\3", 0, 63, 1)], False),
        ([(b"\1\2\3", 0, 63, 1), (b"\1\2\3", 0, 63, 0x10)], True),
        ([(b"\1\2\3", 0, 63, 0x10)], True),
        ([(b"\1\2\3\4", 0, 63, 0)], True),
        ([(b"\1\2\3\4\5", 0, 63, 0)], False),
        ([], False),
    ],
)
def test_what_scans_must_hold_together(
    heads: list[tuple[bytes, int, int, int]], whole: bool
) -> None:
    """Every coefficient of every component, to its last bit (ITU-T T.81, G.1)."""
    data = b"".join(
        b"\xff\xda\0"
        + bytes([6 + 2 * len(components), len(components)])
        + b"".join(bytes([each, 0]) for each in components)
        + bytes([first, last, bits])
        for components, first, last, bits in heads
    )
    frame = scans.Frame(True, b"\1\2\3", 0, 0, False)
    for cut in [0, 1, 3] if whole else [0]:
        if whole and not cut:
            scans._check_scans(data, frame)
        else:
            with pytest.raises(CorruptImage, match="scans are missing"):
                scans._check_scans(data[: len(data) - 4 * cut], frame)


@pytest.mark.parametrize("head", [b"\3\1\0\2\0\3\0\0\0\0", b"\3\1\0\2\0\3\0\0\x3f\1"])
def test_a_baseline_scan_holds_all_of_its_components(head: bytes) -> None:
    """Whatever it says of coefficients and bits, which mean something to others only."""
    scan = b"\xff\xda\0\x0c" + head
    scans._check_scans(scan, scans.Frame(False, b"\1\2\3", 0, 0, False))
    with pytest.raises(CorruptImage):
        scans._check_scans(scan, scans.Frame(False, b"\1\2\3\4", 0, 0, False))


def test_a_frame_behind_fill_bytes_is_a_frame() -> None:
    found = scans.read_frame(PHOTO.replace(b"\xff\xc0", b"\xff\xff\xff\xc0"))
    assert found is not None
    assert found.components == b"\1\2\3"


def test_what_has_no_structure_is_left_as_it_is() -> None:
    assert scans.without_spare(b"\xff\xd8\xff\xda") is None


@pytest.mark.parametrize("odd", [b"a", bytes(range(1, 17)), bytes(40)])
@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {"subsampling": 0, "restart_marker_blocks": 7}),
        ("RGB", {"subsampling": 1, "restart_marker_rows": 1}),
        ("RGB", {"subsampling": 2, "restart_marker_rows": 1}),
        ("L", {"restart_marker_blocks": 7}),
    ],
)
def test_what_is_left_over_before_restarts_is_told_in_every_kind(
    mode: str, options: dict[str, int], odd: bytes
) -> None:
    image = scene(160, 136, seed=2).crop((0, 0, 32, 136))  # more than eight rows of every kind
    data = encoded(image.convert(mode), quality=85, **options)
    parts = re.split(rb"(?=\xff[\xd0-\xd7])", data)
    assert len(parts) > 7
    changed = odd.join(parts)
    assert restarts.without_spare(changed) == restarts.without_spare(data)
    assert restarts.without_spare(changed[:-2]) == restarts.without_spare(data)
    assert shown(changed) == shown(data)
    assert scans.sound(data)
    assert not scans.sound(changed)


@pytest.mark.parametrize(("most", "looked_at"), [(15, True), (14, False)])
def test_how_many_restarts_are_looked_at(
    most: int, looked_at: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restarts, "_MOST", most)
    assert len(INTERVALS) == 16
    assert (restarts.without_spare(restarted(b"a")) is not None) is looked_at


@pytest.mark.parametrize(("intervals", "looked_at"), [(2000, True), (2001, False)])
def test_two_thousand_restarts_are_looked_at(
    intervals: int, looked_at: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each for 1.5 ms, which this test does without."""
    monkeypatch.setattr(restarts, "_count", lambda *_: 0)
    data = encoded(picture(8 * (intervals + 1), 8, "L"), restart_marker_blocks=1)
    assert len(re.findall(rb"\xff[\xd0-\xd7]", data)) == intervals
    assert (restarts.without_spare(data) is not None) is looked_at


def test_an_interval_may_be_longer_than_any_picture_is_wide() -> None:
    sound = encoded(picture(1024, 560, "L"), restart_marker_blocks=8200)
    at = sound.index(b"\xff\xd0")
    assert restarts.without_spare(sound[:at] + b"abcd" + sound[at:]) == sound


def test_what_is_left_over_after_scans_that_follow_at_once_is_left_out() -> None:
    made = scans.without_spare(two_scans().replace(b"\xff\xda", bytes(range(1, 15)) + b"\xff\xda"))
    assert made is not None
    assert b"\x0d\x0e\xff\xda" not in made


@pytest.mark.parametrize("data", [b"", PHOTO, PROGRESSIVE, two_scans(), b"\xff\xd8\xff\xda"])
def test_without_restarts_nothing_is_left_over_before_them(data: bytes) -> None:
    assert restarts.without_spare(data) is None
