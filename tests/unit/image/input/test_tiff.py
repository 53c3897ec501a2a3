"""TIFFs of every kind of samples: which are colours, which transparency, and what is damaged."""

from __future__ import annotations

import io
import itertools
import re
import struct
from typing import Any

import numpy as np
import pytest
from darkroom.contract.errors import CorruptImage, DarkroomError, UnsupportedImage
from darkroom.contract.limits import Limits
from darkroom.image.input.ifd import changed as relabelled
from darkroom.image.input.ifd import directories
from darkroom.image.input.openers import open_image
from darkroom.image.mezzanine import unpack
from numpy.typing import NDArray
from PIL import Image

from tests.support.images import encoded, picture
from tests.support.imaging import array, develop
from tests.support.tiffs import Blocks, tiff, written, ycbcr

WHITE, BLACK, RGB, INKS, YCBCR, LAB, ICC_LAB = 0, 1, 2, 5, 6, 8, 9
SHALLOW, DEEP, LONG, FLOAT = np.uint8, np.uint16, np.uint32, np.float32


def flat(*samples: float, kind: Any = SHALLOW, side: int = 24) -> NDArray[Any]:
    return np.tile(np.array(samples, kind), (side, side, 1))


def shown(data: bytes) -> NDArray[np.uint8]:
    contents = unpack(develop(data).mezzanine)
    page = contents.header.pages[0]
    raw = np.frombuffer(contents.parts[page.part], np.uint8)
    return raw.reshape(page.size[1], page.size[0], page.bands)


@pytest.mark.parametrize(
    ("samples", "kind", "photometric", "extra", "wanted"),
    [
        # Extra samples: unspecified and spot colours are none of the picture's.
        ((10, 20, 30, 5), SHALLOW, RGB, [0], (10, 20, 30)),
        ((10, 20, 30, 5), SHALLOW, RGB, [999], (10, 20, 30)),
        ((10, 20, 30, 128), SHALLOW, RGB, [2], (10, 20, 30, 128)),
        ((10, 20, 30, 128), SHALLOW, RGB, [1], (19, 39, 59, 128)),
        ((10, 20, 30, 128), SHALLOW, RGB, None, (10, 20, 30, 128)),
        ((10, 20, 30, 5, 128), SHALLOW, RGB, None, (10, 20, 30)),
        ((10, 20, 30, 5, 128), SHALLOW, RGB, [0, 2], (10, 20, 30, 128)),
        ((10, 20, 30, 128, 5), SHALLOW, RGB, [2, 0], (10, 20, 30, 128)),
        ((10, 20, 30, 128, 5), SHALLOW, RGB, [2, 2], (10, 20, 30, 128)),
        ((10, 20, 30, 1, 2, 3, 128), SHALLOW, RGB, [0, 0, 0, 1], (19, 39, 59, 128)),
        ((10, 20, 30), SHALLOW, RGB, [2], (10, 20, 30)),  # there is no more sample
        ((10, 5), SHALLOW, BLACK, [0], (10,)),
        ((10, 5), SHALLOW, BLACK, None, (10,)),
        ((10, 5, 7), SHALLOW, BLACK, [0, 0], (10,)),
        ((10, 128), SHALLOW, BLACK, [2], (10, 128)),
        ((10, 5, 6, 128), SHALLOW, BLACK, [0, 0, 2], (10, 128)),
        ((10, 128), SHALLOW, WHITE, [2], (245, 128)),
        ((10, 5), SHALLOW, WHITE, [0], (245,)),
        ((0, 0, 0, 0, 5), SHALLOW, INKS, [0], (255, 255, 255)),
        ((0, 0, 0, 0, 128), SHALLOW, INKS, [2], (255, 255, 255, 128)),
        ((0, 0, 0, 0, 5, 128), SHALLOW, INKS, [0, 2], (255, 255, 255, 128)),
        # Depths: each has its own opaque.
        ((2570, 5140, 7710, 5), DEEP, RGB, [0], (10, 20, 30)),
        ((2570, 5140, 7710, 32896), DEEP, RGB, [2], (10, 20, 30, 128)),
        ((2570, 5140, 7710, 32768), DEEP, RGB, [1], (20, 40, 60, 128)),
        ((0, 0, 0, 0, 65535), DEEP, INKS, [2], (255, 255, 255)),
        ((0, 0, 0, 0, 32896), DEEP, INKS, [2], (255, 255, 255, 128)),
        ((0, 2**32 - 1, 0, 2**31), LONG, RGB, [2], (0, 255, 0, 128)),
        ((0.0, 1.0, 0.0, 1.0), FLOAT, RGB, [2], (0, 255, 0)),
        ((0.0, 1.0, 0.0, 0.5), FLOAT, RGB, [2], (0, 255, 0, 128)),
        ((0.0, 0.5, 0.0, 0.5), FLOAT, RGB, [1], (0, 255, 0, 128)),
        ((0.0, 0.1, 0.0, 0.5, 0.25), FLOAT, RGB, [2, 1], (0, 170, 0, 64)),
        ((0.0, 0.1, 0.0, 0.25, 0.5), FLOAT, RGB, [1, 2], (0, 170, 0, 64)),
        ((0.2, 1.0), FLOAT, BLACK, [2], (51,)),
        ((0.2, 0.5), FLOAT, BLACK, [2], (51, 128)),
        ((0.1, 0.5), FLOAT, BLACK, [1], (51, 128)),
        ((0.2, 0.5), FLOAT, BLACK, [0], (51,)),
        # CIELab, whose signed a and b libvips takes alpha for, too.
        ((32768, 2560, 5120), DEEP, LAB, None, (144, 112, 85)),
        ((32768, 2560, 5120, 65535), DEEP, LAB, [2], (144, 112, 85)),
        ((32768, 2560, 5120, 32768), DEEP, LAB, [2], (144, 112, 85, 128)),
        ((32768, 2560, 5120, 16384), DEEP, LAB, [2], (144, 112, 85, 64)),
        ((32768, 2560, 5120, 0), DEEP, LAB, [2], (144, 112, 85, 0)),
        ((32768, 2560, 5120, 16384), DEEP, LAB, [0], (144, 112, 85)),
        ((128, 10, 20), SHALLOW, LAB, None, (144, 113, 86)),
        ((128, 10, 20, 5), SHALLOW, LAB, [0], (144, 113, 86)),
        ((128, 10, 20, 255), SHALLOW, LAB, [2], (144, 113, 86)),
        ((128, 10, 20, 128), SHALLOW, LAB, [2], (144, 113, 86, 128)),
        ((50.0, 10.0, 20.0, 1.0), FLOAT, LAB, [2], (144, 112, 85)),
        ((50.0, 10.0, 20.0, 0.5), FLOAT, LAB, [2], (144, 112, 85, 128)),
        ((128, 138, 148), SHALLOW, ICC_LAB, None, (144, 113, 86)),
        ((128, 138, 148, 128), SHALLOW, ICC_LAB, [2], (144, 113, 86, 128)),
        ((32768, 35328, 37888), DEEP, ICC_LAB, None, (144, 112, 85)),
        ((40802, 26298, 25893), DEEP, ICC_LAB, None, (44, 165, 198)),
    ],
)  # fmt: skip
def test_samples_are_what_the_file_says(
    samples: tuple[float, ...],
    kind: Any,
    photometric: int,
    extra: list[int] | None,
    wanted: tuple[int, ...],
) -> None:
    made = shown(tiff(flat(*samples, kind=kind), photometric, extra))
    assert made.shape[2] == len(wanted)
    assert np.abs(made[12, 12].astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("tile", [0, 16])
def test_however_the_file_is_written(order: str, big: bool, tile: int) -> None:
    data = tiff(flat(10, 20, 30, 5, 128), RGB, [0, 2], tile=tile, order=order, big=big)
    assert shown(data)[12, 12].tolist() == [10, 20, 30, 128]


@pytest.mark.parametrize("kind", [DEEP, FLOAT])
def test_transparency_survives_reduction(kind: Any) -> None:
    white = 1 if kind is FLOAT else 65535
    row = np.tile(np.array([0, 0, 0, 0, white / 2], kind), (24, 2400, 1))
    if kind is FLOAT:
        row = row[..., 3:]
    made = shown(tiff(row, BLACK if kind is FLOAT else INKS, [2]))
    assert made.shape[:2] == (12, 1200)
    assert set(made[..., -1].ravel().tolist()) <= {127, 128}


def lost(blocks: Blocks) -> Blocks:
    return [*blocks[:2], b"", *blocks[3:]]


def shorter(blocks: Blocks) -> Blocks:
    return [*blocks[:2], blocks[2][: len(blocks[2]) // 3], *blocks[3:]]


def changed(blocks: Blocks) -> Blocks:
    broken = bytearray(blocks[2])
    broken[len(broken) // 2] ^= 0x55
    return [*blocks[:2], bytes(broken), *blocks[3:]]


NOISE = np.random.default_rng(1).integers(0, 255, (64, 64, 3)).astype(np.uint8)


@pytest.mark.parametrize("tile", [0, 16, 32])
@pytest.mark.parametrize(
    ("deflate", "damage"),
    [(False, lost), (False, shorter), (True, lost), (True, shorter), (True, changed)],
)
@pytest.mark.parametrize("odd", [{}, {274: [9]}], ids=["", "with an odd tag"])
def test_damaged_strips_and_tiles_are_refused(
    tile: int, deflate: bool, damage: Any, odd: dict[int, list[int]]
) -> None:
    with pytest.raises(CorruptImage):
        develop(tiff(NOISE, RGB, tile=tile, deflate=deflate, damage=damage, tags=odd))


@pytest.mark.parametrize("damage", [lost, shorter])
def test_damaged_strips_of_16_bits_are_refused(damage: Any) -> None:
    """libvips forgets what it said once their colours are about to be converted."""
    with pytest.raises(CorruptImage):
        develop(tiff(NOISE.astype(np.uint16), RGB, damage=damage))


@pytest.mark.parametrize("tile", [0, 16])
def test_an_odd_tag_is_no_damage(tile: int) -> None:
    data = tiff(NOISE, RGB, tile=tile, deflate=True, tags={274: [9]})
    assert (shown(data) == NOISE).all()


@pytest.mark.parametrize("colours", ["RGB", "YCbCr"])
def test_damage_on_a_later_page_is_refused(colours: str) -> None:
    page = picture(32, 32).convert(colours)
    pages = {"save_all": True, "append_images": [page], "compression": "tiff_lzw"}
    data = bytearray(encoded(page, "TIFF", **pages))
    second = Image.open(io.BytesIO(data))
    second.seek(1)
    at = second.tag_v2[273][0]  # type: ignore[attr-defined]
    develop(bytes(data))
    data[at + 4 : at + 40] = b"\xff" * 36
    with pytest.raises(CorruptImage):
        develop(bytes(data))


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize(
    ("across", "down", "near"), [(1, 1, 1.5), (2, 1, 1.8), (2, 2, 3), (4, 4, 8)]
)
def test_ycbcr_without_jpeg_is_shown_in_its_colours(
    across: int, down: int, near: float, deflate: bool
) -> None:
    stored = picture(62, 46)
    made = shown(ycbcr(stored, across, down, deflate=deflate))
    assert np.abs(made - array(stored)).mean() < near


def test_ycbcr_is_turned_once() -> None:
    made = shown(ycbcr(picture(62, 46), 1, 1, tags={274: [6]}))
    wanted = array(picture(62, 46).transpose(Image.Transpose.ROTATE_270))
    assert np.abs(made - wanted).mean() < 1.5


@pytest.mark.parametrize("damage", [lost, shorter, changed])
def test_damaged_ycbcr_is_refused(damage: Any) -> None:
    with pytest.raises(CorruptImage):
        develop(ycbcr(picture(62, 48), 2, 2, deflate=True, damage=damage))


def test_pages_of_ycbcr_have_each_its_own_colours() -> None:
    colours = (200, 90, 120), (40, 160, 220)
    first, second = (Image.new("RGB", (16, 16), each).convert("YCbCr") for each in colours)
    data = encoded(first, "TIFF", save_all=True, append_images=[second])
    contents = unpack(develop(data).mezzanine)
    made = [contents.parts[page.part][:3] for page in contents.header.pages]
    assert all(np.abs(np.subtract(*each)).max() <= 2 for each in zip(made, colours, strict=True))


def test_ycbcr_in_jpeg_streams_as_any_jpeg_does() -> None:
    """Its decoder converts it; Pillow would read all of it first."""
    stored = encoded(picture(64, 48), quality=90)
    tags = {256: [64], 257: [48], 258: [8] * 3, 262: [YCBCR], 277: [3], 278: [48], 530: [2, 2]}
    none, in_jpeg = struct.pack("<HHII", 259, 4, 1, 1), struct.pack("<HHII", 259, 4, 1, 7)
    data = written(tags, [stored]).replace(none, in_jpeg)
    page = open_image(data, "tiff", Limits()).pages[0]
    assert page.draw((64, 48)).get_typeof("vips-sequential")
    assert np.abs(shown(data) - array(picture(64, 48))).mean() < 3


@pytest.mark.parametrize("photometric", [10, 32803, 32844, 34892])
def test_other_kinds_of_colours_are_unsupported(photometric: int) -> None:
    with pytest.raises(UnsupportedImage, match=f"colours are of kind {photometric}"):
        develop(tiff(flat(10, 20, 30), photometric))


READ = (1, 2, 3, 4, 5, 7, 8, 32766, 32771, 32773, 32809, 32946, 50001)


@pytest.mark.parametrize("method", sorted({each + by for each in READ for by in (-1, 0, 1)}))
def test_which_compressions_are_read(method: int) -> None:
    """A file that lies about it is damaged, or shows noise."""
    data, entry = tiff(flat(10), BLACK), struct.pack("<HHI", 259, 4, 1)
    told = ""
    try:
        develop(data.replace(entry + b"\1\0\0\0", entry + struct.pack("<I", method)))
    except DarkroomError as error:
        told = str(error)
    assert (f"compressed by method {method}." in told) is (method not in READ)


@pytest.mark.parametrize("compression", ["group3", "tiff_ccitt"])
def test_a_fax_may_have_lost_lines_but_not_more(compression: str) -> None:
    sound = encoded(picture(64, 48).convert("1"), "TIFF", compression=compression)
    with Image.open(io.BytesIO(sound)) as opened:
        start = opened.tag_v2[273][0]
    wanted, seen = shown(sound), set()
    for at, bit in itertools.product(range(start, start + 6), range(8)):
        damaged = sound[:at] + bytes([sound[at] ^ 1 << bit]) + sound[at + 1 :]
        try:
            seen.add("" if (shown(damaged) == wanted).all() else "other lines")
        except CorruptImage as error:
            seen.add(str(error).partition(": ")[2].partition(".")[0])
    assert seen - {""} == {"a part of its pixels is damaged", "other lines"}


def test_a_palette_is_read() -> None:
    stored = picture(16, 12).convert("P")
    assert (shown(encoded(stored, "TIFF")) == np.asarray(stored.convert("RGB"))).all()


def test_a_mask_is_of_another_kind_unless_it_is_as_grey() -> None:
    assert (shown(tiff(flat(70), 4)) == 70).all()
    stored = encoded(picture(16, 12).convert("1"), "TIFF")
    at = stored.index(struct.pack("<HHI", 262, 3, 1)) + 8
    with pytest.raises(UnsupportedImage, match="a mask for another picture"):
        develop(stored[:at] + b"\4" + stored[at + 1 :])


@pytest.mark.parametrize(
    ("bits", "photometric", "count"),
    [
        (2, RGB, 3),
        (4, RGB, 3),
        (4, BLACK, 2),
        (6, BLACK, 1),
        (10, BLACK, 1),
        (12, RGB, 3),
        (14, BLACK, 1),
    ],
)
def test_other_depths_are_unsupported(bits: int, photometric: int, count: int) -> None:
    row = bytes((24 * count * bits + 7) // 8)
    tags = {256: [24], 257: [24], 258: [bits] * count, 262: [photometric], 277: [count], 278: [24]}
    with pytest.raises(UnsupportedImage, match=f"samples have {bits} bits"):
        develop(written(tags, [row * 24]))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_of_grey_are_read(bits: int) -> None:
    tags = {256: [24], 257: [24], 258: [bits], 262: [BLACK], 277: [1], 278: [24]}
    made = shown(written(tags, [b"\xf0" * 3 * bits * 24]))
    assert made.shape == (24, 24, 1)
    assert (made.min(), made.max()) == (0, 255)


def test_depths_that_differ_are_none_of_a_sound_file() -> None:
    with pytest.raises(CorruptImage, match="a field that describes it is damaged"):
        develop(tiff(flat(10, 20, 30), RGB, tags={258: [8, 12, 12]}))


def test_what_is_not_said_is_one_bit_of_one_sample() -> None:
    """In whole numbers, without compression: so TIFF 6.0 has it, and scans are written."""
    tags = {256: [24], 257: [24], 262: [BLACK], 278: [24]}
    data = written(tags, [b"\xf0" * 3 * 24])
    entry = struct.pack("<HHII", 259, 4, 1, 1)
    assert entry in data
    made = shown(data.replace(entry, struct.pack("<HHII", 260, 4, 1, 1)))
    assert made[0, :8].ravel().tolist() == [255] * 4 + [0] * 4


@pytest.mark.parametrize("page", [0, 1])
def test_a_page_of_another_kind_is_unsupported(page: int) -> None:
    pages = [Image.new("L", (16, 16)), Image.new("L", (16, 16))]
    pages[page] = Image.new("F", (16, 16))
    data = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    entry = struct.pack("<HHI", 262, 3, 1)
    at = [found.start() + 8 for found in re.finditer(re.escape(entry), data)][page]
    with pytest.raises(UnsupportedImage, match="kind 10 "):
        develop(data[:at] + b"\x0a" + data[at + 1 :])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("tile", [0, 16])
def test_cielab_of_8_bits_however_it_is_written(order: str, big: bool, tile: int) -> None:
    """libvips cannot unpack it; its a and b are signed (TIFF 6.0, 23)."""
    data = tiff(flat(128, 246, 20), LAB, tile=tile, order=order, big=big, deflate=True)
    wanted = shown(tiff(flat(128, 118, 148), ICC_LAB))
    assert (shown(data) == wanted).all()


@pytest.mark.parametrize("kinds", ["LAB RGB", "RGB LAB", "LAB LAB", "RGB LAB RGB"])
def test_pages_of_cielab_are_shown_beside_others(kinds: str) -> None:
    pages = [
        Image.new("LAB", (16, 16), (128, 138, 148)) if kind == "LAB" else Image.new("RGB", (16, 16))
        for kind in kinds.split()
    ]
    data = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    contents = unpack(develop(data).mezzanine)
    made = [bytes(contents.parts[page.part][:3]) for page in contents.header.pages]
    assert made == [b"\x90\x71\x56" if kind == "LAB" else bytes(3) for kind in kinds.split()]


def test_what_is_changed_in_a_directory() -> None:
    data = tiff(flat(10, 20, 30), RGB, [0])
    made = relabelled(data, [0], 262, 9)
    assert directories(made, 1)[0] == {**directories(data, 1)[0], 262: (9,)}
    assert sum(a != b for a, b in zip(made, data, strict=True)) == 1
    assert relabelled(data, [1], 262, 9) == relabelled(data, [0], 338, 0) == data


@pytest.mark.parametrize(
    ("across", "down", "read"),
    [(4, 4, False), (4, 2, True), (2, 4, True), (1, 1, True)],
)
def test_jpeg_with_few_colours_is_unsupported(across: int, down: int, read: bool) -> None:
    """Of 4 by 4 pixels for a sample of colour, 18 blocks would be in a unit; JPEG allows 10."""
    stored = encoded(picture(64, 48), quality=90, subsampling=2)
    at = stored.index(b"\xff\xc0") + 11
    coded = stored[:at] + bytes([across << 4 | down]) + stored[at + 1 :]
    tags = {256: [64], 257: [48], 258: [8] * 3, 262: [YCBCR], 277: [3], 278: [48]}
    none, in_jpeg = struct.pack("<HHII", 259, 4, 1, 1), struct.pack("<HHII", 259, 4, 1, 7)
    files = [written({**tags, **tag}, [coded]) for tag in ({530: [across, down]}, {})]
    for data in [each.replace(none, in_jpeg) for each in files] + [coded] * (not read):
        if read:
            assert develop(data)
        else:
            with pytest.raises(UnsupportedImage, match="one sample for more than 8 pixels"):
                develop(data)


def test_deep_ycbcr_is_unsupported() -> None:
    with pytest.raises(UnsupportedImage, match="another depth"):
        develop(tiff(flat(10, 20, 30, kind=DEEP), YCBCR, tags={530: [1, 1]}))


def test_what_a_directory_does_not_tell_is_not_known() -> None:
    data = tiff(flat(10, 20, 30, 128), RGB, [2])
    (found,) = directories(data, 1)
    assert (found[262], found[277], found[338], found[258]) == ((2,), (4,), (2,), (8, 8, 8, 8))
    assert directories(data[:20], 2) == [{}, {}]
    assert directories(data, 2)[1] == {} or directories(data, 2)[0] == found


@pytest.mark.parametrize("order", ["<", ">"])
def test_numbers_of_every_type_are_read(order: str) -> None:
    """Where they fit into an entry they lie in it, otherwise it says where (TIFF 6.0, 2)."""
    rest = struct.pack(order + "Q70H", 7, *range(70))
    at = 8 + 2 + 8 * 12 + 4
    entries = [
        (258, 3, 70, struct.pack(order + "I", at + 8)),
        (259, 1, 3, b"\5\6\7\0"),
        (262, 4, 1, struct.pack(order + "I", 70_000)),
        (277, 16, 1, struct.pack(order + "I", at)),
        (338, 2, 4, b"text"),
        (339, 17, 1, b"\1\0\0\0"),
        (530, 3, 2, struct.pack(order + "HH", 4, 2)),
        (256, 3, 1, b"\1\0\1\0"),
    ]
    data = (b"II" if order == "<" else b"MM") + struct.pack(order + "HIH", 42, 8, len(entries))
    data += b"".join(struct.pack(order + "HHI", *entry[:3]) + entry[3] for entry in entries)
    told = {0: (), 258: tuple(range(64)), 259: (5, 6, 7), 262: (70_000,), 277: (7,)}
    assert directories(data + bytes(4) + rest, 2) == [told, {}]
    again = data + struct.pack(order + "I", 8) + rest
    assert directories(again, 3) == [told] * 3
    assert directories(memoryview(again)[:-13], 3) == [{}] * 3
    made = relabelled(again, [0], 259, 9)
    assert directories(made, 1) == [{**told, 259: (9, 6, 7)}]
