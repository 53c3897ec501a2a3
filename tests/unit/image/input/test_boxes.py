"""HEIF and AVIF files built by hand: pictures joined, turned and cut, and kinds not read."""

from __future__ import annotations

import re
import struct
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from darkroom.contract.errors import CorruptImage, ImageTooLarge, UnsupportedImage
from darkroom.contract.limits import MIB, Limits
from darkroom.contract.presets import Preset
from darkroom.image.input.boxes import described, frames, items, space
from darkroom.image.input.openers import open_image
from darkroom.image.mezzanine import unpack
from darkroom.image.spaces import Space, by_number
from numpy.typing import NDArray
from PIL import Image

from tests.support.images import encoded, scene
from tests.support.imaging import DATA, box, boxes, develop
from tests.support.profiles import DISPLAY_P3, SRGB_CURVE, rgb_profile

WHOLE = Preset(name="whole", width=500, height=500)


class Coded(NamedTuple):
    """One coded picture: the type of its item, its data, and the properties it is decoded with."""

    kind: bytes
    data: bytes
    setup: bytes
    size: tuple[int, int]


def full(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def extent(width: int, height: int) -> bytes:
    return full(b"ispe", struct.pack(">II", width, height))


def taken_from(data: bytes, kind: bytes, configuration: bytes, size: tuple[int, int]) -> Coded:
    """Return the one picture of a file."""
    properties = boxes(boxes(boxes(boxes(data)[b"meta"][4:])[b"iprp"])[b"ipco"])
    setup = box(configuration, properties[configuration])
    return Coded(kind, boxes(data)[b"mdat"], setup, size)


def container(
    brand: bytes,
    pictures: list[Coded],
    changes: list[bytes],
    *,
    joined: tuple[bytes, bytes, tuple[int, int]] | None = None,
    auxiliary: Coded | None = None,
    wide: bool = False,
) -> bytes:
    """Return a file whose primary picture has properties that change it.

    It is the first picture, or all of them joined: by an item of some type, data and size. An
    auxiliary picture is its transparency. Wide numbers of items have four bytes.
    """
    stored = [*pictures, *([auxiliary] if auxiliary else [])]
    properties = [each for picture in stored for each in (extent(*picture.size), picture.setup)]
    uses = [[2 * number + 1, 0x80 | 2 * number + 2] for number in range(len(stored))]
    entries = [(each.kind, each.data) for each in stored]
    references, primary = [], 1
    if joined:
        properties.append(extent(*joined[2]))
        uses.append([len(properties)])
        entries.append(joined[:2])
        primary = len(entries)
        tiles = struct.pack(f">{len(pictures)}H", *range(1, len(pictures) + 1))
        references.append(box(b"dimg", struct.pack(">HH", primary, len(pictures)), tiles))
    if auxiliary:
        properties.append(full(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"))
        uses[len(stored) - 1].append(len(properties))
        references.append(box(b"auxl", struct.pack(">HHH", len(stored), 1, primary)))
    for change in changes:
        properties.append(change)
        uses[primary - 1].append(0x80 | len(properties))
    number = ">IH" if wide else ">HH"
    listed = [
        full(b"infe", struct.pack(number, i, 0), kind, b"\0", version=3 if wide else 2)
        for i, (kind, _) in enumerate(entries, 1)
    ]
    associated = [struct.pack(">HB", i, len(use)) + bytes(use) for i, use in enumerate(uses, 1)]
    start = box(b"ftyp", brand, bytes(4), b"mif1", brand)

    def described(at: int) -> bytes:
        places = []
        for i, (_, data) in enumerate(entries, 1):
            places.append(struct.pack(">HHHII", i, 0, 1, at, len(data)))
            at += len(data)
        return full(
            b"meta",
            full(b"hdlr", bytes(4), b"pict", bytes(13)),
            full(b"pitm", struct.pack(">H", primary)),
            full(b"iloc", b"\x44\0", struct.pack(">H", len(entries)), *places),
            full(b"iinf", struct.pack(">H", len(entries)), *listed),
            box(
                b"iprp",
                box(b"ipco", *properties),
                full(b"ipma", struct.pack(">I", len(uses)), *associated),
            ),
            *([full(b"iref", *references)] if references else []),
        )

    at = len(start) + len(described(0)) + 8
    return start + described(at) + box(b"mdat", *(data for _, data in entries))


def shown(data: bytes) -> NDArray[np.int64]:
    contents = unpack(develop(data, WHOLE).mezzanine)
    page = contents.header.pages[0]
    raw = np.frombuffer(contents.parts[page.part], np.uint8)
    return raw.reshape(page.size[1], page.size[0], page.bands).astype(np.int64)


def avif(image: Image.Image) -> Coded:
    options = {"subsampling": "4:0:0"} if image.mode == "L" else {"subsampling": "4:4:4"}
    data = encoded(image, "AVIF", quality=95, **options)
    return taken_from(data, b"av01", b"av1C", image.size)


HEIC = (DATA / "opaque.heic").read_bytes()
HEVC = taken_from(HEIC, b"hvc1", b"hvcC", (160, 120))


@cache
def photo(name: str = "avif") -> Image.Image:
    return scene(160, 120, seed=1).convert("L" if name == "grey avif" else "RGB")


@cache
def pixels(name: str) -> NDArray[np.int64]:
    found = shown(HEIC) if name == "heic" else np.asarray(photo(name)).astype(np.int64)
    return found.reshape(120, 160, -1)


@cache
def coded(name: str) -> Coded:
    return HEVC if name == "heic" else avif(photo(name))


BRANDS = {"avif": b"avif", "grey avif": b"avif", "heic": b"heic"}


def near(made: NDArray[np.int64], wanted: NDArray[np.int64]) -> bool:
    return made.shape == wanted.shape and float(np.abs(made - wanted).mean()) < 2


@pytest.mark.parametrize("name", BRANDS)
@pytest.mark.parametrize(
    ("changes", "turn"),
    [
        ([], ()),
        ([box(b"irot", b"\1")], (1,)),
        ([box(b"irot", b"\2")], (2,)),
        ([box(b"irot", b"\3")], (3,)),
        ([box(b"imir", b"\0")], ("rows",)),
        ([box(b"imir", b"\1")], ("columns",)),
        ([box(b"irot", b"\1"), box(b"imir", b"\1")], (1, "columns")),
    ],
)
def test_pictures_are_turned_and_mirrored(
    name: str, changes: list[bytes], turn: tuple[int | str, ...]
) -> None:
    """irot counts anticlockwise quarters; imir mirrors rows or columns (ISO/IEC 23008-12, 6.5)."""
    wanted = pixels(name)
    for each in turn:
        if isinstance(each, int):
            wanted = np.rot90(wanted, each)
        else:
            wanted = wanted[::-1] if each == "rows" else wanted[:, ::-1]
    assert near(shown(container(BRANDS[name], [coded(name)], changes)), wanted)


@pytest.mark.parametrize("name", BRANDS)
def test_pictures_with_wide_numbers_are_turned_too(name: str) -> None:
    data = container(BRANDS[name], [coded(name)], [box(b"irot", b"\1")], wide=True)
    assert near(shown(data), np.rot90(pixels(name)))


@pytest.mark.parametrize("name", BRANDS)
@pytest.mark.parametrize("turned", [False, True])
def test_pictures_are_joined(name: str, turned: bool) -> None:
    """As phones store large ones: in tiles, of which the last may reach beyond the picture."""
    grid = (b"grid", bytes([0, 0, 1, 1]) + struct.pack(">HH", 300, 210), (300, 210))
    changes = [box(b"irot", b"\1")] if turned else []
    wanted = np.tile(pixels(name), (2, 2, 1))[:210, :300]
    made = shown(container(BRANDS[name], [coded(name)] * 4, changes, joined=grid))
    assert near(made, np.rot90(wanted) if turned else wanted)


@pytest.mark.parametrize("name", ["avif", "grey avif"])
def test_pictures_are_cut(name: str) -> None:
    cut = box(b"clap", struct.pack(">8I", 40, 1, 30, 1, 0, 1, 0, 1))
    made = shown(container(b"avif", [coded(name)], [cut]))
    assert near(made[..., : pixels(name).shape[2]], pixels(name)[45:75, 60:100])


@pytest.mark.parametrize("name", BRANDS)
def test_pictures_have_transparency(name: str) -> None:
    ramp = Image.linear_gradient("L").resize((160, 120))
    alpha, wanted = avif(ramp), np.asarray(ramp)[..., None]
    if name == "heic":  # of which we have no ramp: the lightness of the picture itself
        alpha, wanted = HEVC, pixels("heic") @ np.array([[0.299], [0.587], [0.114]])
    made = shown(container(BRANDS[name], [coded(name)], [], auxiliary=alpha))
    assert near(made[..., :-1], np.broadcast_to(pixels(name), (120, 160, 3)))
    assert near(made[..., -1:], wanted)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (b"av01", "coded in AV1, but not called AVIF"),
        (b"avc1", "coded in AVC"),
        (b"vvc1", "coded in VVC"),
        (b"evc1", "coded in EVC"),
        (b"jpeg", "coded in JPEG"),
        (b"j2k1", "coded in JPEG 2000"),
        (b"unci", "not compressed"),
    ],
)
@pytest.mark.parametrize("wide", [False, True])
def test_pictures_in_other_codings_are_unsupported(kind: bytes, reason: str, wide: bool) -> None:
    data = container(b"heic", [HEVC._replace(kind=kind)], [], wide=wide)
    with pytest.raises(UnsupportedImage, match=f"its picture is {reason}\\. "):
        develop(data)
    assert items(data) == {kind}
    tenth = full(b"infe", struct.pack(">HH", 10, 0), kind, b"\0", version=2)
    assert items(tenth) == {kind}


def test_other_codings_beside_the_picture_change_nothing() -> None:
    """As that of a thumbnail."""
    data = container(b"heic", [HEVC, HEVC._replace(kind=b"jpeg")], [])
    assert near(shown(data), pixels("heic"))


def test_colours_that_a_heic_tells_by_number_are_followed() -> None:
    def told(primaries: int, *besides: bytes) -> NDArray[np.int64]:
        return shown(container(b"heic", [HEVC], [nclx(primaries, 13), *besides]))

    profile = box(b"colr", b"prof", rgb_profile(DISPLAY_P3, SRGB_CURVE))
    assert np.abs(told(12) - told(1, profile)).max() <= 1
    assert np.abs(told(12) - told(1)).max() > 10


def nclx(primaries: int, curve: int, matrix: int = 6) -> bytes:
    return box(b"colr", b"nclx", struct.pack(">3HB", primaries, curve, matrix, 128))


@pytest.mark.parametrize("wide", [False, True])
def test_the_numbers_of_the_primary_picture_count(wide: bool) -> None:
    """And not those of another, such as of a gain map's picture in high dynamic range."""
    first = HEVC._replace(setup=nclx(9, 16))
    grid = (b"grid", bytes([0, 0, 0, 0]) + struct.pack(">HH", 160, 120), (160, 120))
    other = described(container(b"heic", [first], [nclx(1, 13)], joined=grid), "heic")
    assert space(other, "heic").usual
    alone = described(container(b"heic", [first], [], joined=grid), "heic")
    assert space(alone, "heic") == by_number(9, 16)
    changes = [nclx(9, 16), box(b"clli", struct.pack(">HH", 400, 100))]
    bright = described(container(b"heic", [HEVC], changes, wide=wide), "heic")
    assert space(bright, "heic") == by_number(9, 16, 400)
    others = [HEVC._replace(setup=changes[1])]
    dark = described(container(b"heic", others, changes[:1], joined=grid), "heic")
    assert space(dark, "heic") == by_number(9, 16)


@pytest.mark.parametrize("wide_items", [0, 1])
@pytest.mark.parametrize("wide_uses", [0, 1])
def test_properties_are_found_by_numbers_of_either_length(wide_items: int, wide_uses: int) -> None:
    """ISO/IEC 14496-12, 8.11.4 and 8.11.14; what is marked must be known to decoders, 0 is none."""
    item, use = (">I" if wide_items else ">H"), (">H" if wide_uses else ">B")
    free = [box(b"free")] * (300 if wide_uses else 100)
    stored = [nclx(9, 16), *free, nclx(12, 13), nclx(1, 1)]
    marked = (len(stored) - 1) | (0x8000 if wide_uses else 0x80)
    entries = [
        struct.pack(item, number) + bytes([len(uses)]) + b"".join(struct.pack(use, u) for u in uses)
        for number, uses in ((3, [1, 2]), (7, [0, 2, marked]), (8, [1]))
    ]
    uses = full(b"ipma", struct.pack(">I", 3), *entries, version=wide_items, flags=wide_uses)
    primary = full(b"pitm", struct.pack(item, 7), version=wide_items)
    none = full(b"ipma", struct.pack(">I", 0xFFFFFFFF), version=wide_items, flags=wide_uses)
    meta = full(b"meta", primary, box(b"iprp", box(b"ipco", *stored), none, uses))
    assert space(meta, "heic") == by_number(12, 13)


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_damaged_properties_tell_nothing_wrong(cut: int) -> None:
    meta = described(container(b"heic", [HEVC], [nclx(12, 13)]), "heic")
    assert space(meta[:cut], "heic") in (by_number(12, 13), Space())


def test_a_picture_that_is_cut_far_is_unsupported_in_heic() -> None:
    """libheif takes its pixels for too many; a smaller cut is within its tolerance."""
    far, near_by = (
        container(b"heic", [HEVC], [box(b"clap", struct.pack(">8I", *size, 0, 1, 0, 1))])
        for size in ((40, 1, 30, 1), (158, 1, 118, 1))
    )
    with pytest.raises(UnsupportedImage, match="it shows only a part of its picture"):
        develop(far)
    assert near(shown(near_by), pixels("heic")[1:-1, 1:-1])
    with pytest.raises(CorruptImage):
        develop(near_by[: -len(HEVC.data)] + bytes(len(HEVC.data)))


@pytest.mark.parametrize("brand", [b"heic", b"avif"])
def test_a_file_that_says_less_than_it_holds_is_corrupt(brand: bytes) -> None:
    name = "heic" if brand == b"heic" else "avif"
    data = container(brand, [coded(name)._replace(size=(16, 16))], [])
    with pytest.raises(CorruptImage):
        develop(data)


def film(brand: bytes, *kinds: bytes) -> bytes:
    return box(b"ftyp", brand, bytes(4), brand) + b"".join(box(kind, bytes(8)) for kind in kinds)


@pytest.mark.parametrize("brand", [b"hevc", b"msf1", b"avis"])
def test_a_film_is_unsupported_and_a_broken_picture_corrupt(brand: bytes) -> None:
    large = struct.pack(">I4sQ", 1, b"free", 16)
    short = struct.pack(">I4s", 7, b"free")
    for data in (
        film(brand, b"moov", b"mdat"),
        *(film(brand) + each + box(b"moov") for each in (large, short)),
    ):
        with pytest.raises(UnsupportedImage, match="a film without a still picture"):
            develop(data)
    endless = struct.pack(">I4s", 0, b"mdat"), struct.pack(">I4sQ", 1, b"free", 2**56 + 16)
    for kinds in ([b"meta", b"moov"], [b"mdat"], []):
        with pytest.raises(CorruptImage):
            develop(film(brand, *kinds))
    for each in endless:
        with pytest.raises(CorruptImage):
            develop(film(brand) + each + box(b"moov"))


def test_the_first_picture_of_an_animated_avif_is_shown() -> None:
    first, second = photo(), Image.new("RGB", (160, 120), "blue")
    options = {"quality": 95, "subsampling": "4:4:4", "save_all": True}
    data = encoded(first, "AVIF", append_images=[second], **options)
    assert data[8:12] == b"avis"
    assert develop(data).image.frames == 2
    assert near(shown(data), pixels("avif"))


@pytest.mark.parametrize(
    "limits",
    [Limits(max_frames=2), Limits(max_pixels=2 * 160 * 120)],
    ids=["frames", "pixels of all frames"],
)
def test_the_frames_of_an_avif_count(limits: Limits) -> None:
    films = [
        encoded(photo(), "AVIF", speed=10, save_all=True, append_images=[photo()] * (count - 1))
        for count in (2, 3)
    ]
    assert develop(films[0], limits=limits).image.frames == 2
    with pytest.raises(ImageTooLarge, match="3 frames"):
        develop(films[1], limits=limits)


def test_the_frames_of_a_film_are_those_of_its_longest_track() -> None:
    sizes = [full(b"stsz", struct.pack(">II", size, count)) for size, count in ((0, 7), (9, 300))]
    assert frames(box(b"moov", *sizes)) == frames(box(b"moov", *sizes[::-1])) == 300
    assert frames(box(b"mdat", *sizes)) == frames(box(b"moov")) == 1


def test_a_file_without_a_description_describes_nothing() -> None:
    assert described(box(b"mdat", b"infe"), "heic") == b""


@pytest.mark.parametrize(
    ("mode", "subsampling", "room"),
    [
        ("RGB", "4:2:0", 1536 * 1024),
        ("RGBA", "4:2:0", 1536 * 1024),
        ("RGB", "4:2:2", 1536 * 1024),
        ("RGB", "4:4:4", 1_324_517),
        ("RGBA", "4:4:4", 1_324_517),
        ("L", "4:0:0", 5_033_164),
        ("LA", "4:0:0", 5_033_164),
        ("PQ", "4:2:0", 1_324_517),
        ("PQ", "4:4:4", 1_143_901),
    ],
)
def test_an_avif_that_memory_has_no_room_for_is_refused_by_its_header(
    mode: str, subsampling: str, room: int
) -> None:
    """Of 64 MiB, the process itself takes 40; so they are divided by what a pixel takes."""
    stored = photo().convert("RGB" if mode == "PQ" else mode)
    small = encoded(stored, "AVIF", speed=10, subsampling=subsampling)
    if mode == "PQ":
        small = small.replace(nclx(1, 13)[:16], nclx(9, 16)[:16])
    small = re.sub(  # where the samples of colour lie changes nothing
        rb"(av1C\x81).(.)",
        lambda found: found[1] + b"\n" + bytes([found[2][0] | 1]),
        small,
        flags=re.DOTALL,
    )
    for wide, fits in ((room // 800, True), (room // 800 + 1, False)):
        data = small.replace(struct.pack(">II", 160, 120), struct.pack(">II", wide, 800))
        limits = Limits(max_memory=64 * MIB)
        if fits:
            assert open_image(data, "avif", limits).pages[0].size == (wide, 800)
            continue
        with pytest.raises(ImageTooLarge) as caught:
            open_image(data, "avif", limits)
        assert str(caught.value) == (
            f"The image has {800 * wide:,} pixels ({wide:,} by 800), but a decoder has memory for "
            f"{room:,} of such an AVIF: 64 MiB (max_memory). Make it smaller, save it as a JPEG, "
            "or have the limit raised."
        )
