"""Why a file cannot be read, in a person's words: what libraries say, and what that means."""

from __future__ import annotations

import logging
import re

from darkroom.contract.text import plain, shortened

GENERIC = "its data are damaged or incomplete"

MAX_LOGGED = 1000
"""Of what a library says, in characters: one damaged file can make it say the same for hours."""

_UNSUPPORTED = re.compile(
    r"unsupported|not supported|not been built in|samples out of range|sampling factors too large",
    re.IGNORECASE,
)
"""What libraries say of sound files that they cannot read, as TIFFs of 64 bits. Factors that give a
unit more than 10 blocks are too large (ITU-T T.81, B.2.3), as those of 4:1:0 in 4 by 4."""

_DAMAGED = re.compile(
    r"corrupt|invalid input|bad code word|unsupported marker type 0x(?!de|df|f7)", re.IGNORECASE
)
"""What they say of damaged files, whatever else. The three markers are those of hierarchical JPEGs
and of JPEG-LS; others that are unknown stand in no sound file."""

_KINDS = (
    (r"dnl", "its height is told only behind its pixels"),
    (r"marker type|sof type|jpeg process", "its pixels are coded in a way that few programs read"),
    (r"data precision|samples out of range|\bbits", "its samples have an unusual number of bits"),
    (r"sampling", "its colours have one sample for more than 8 pixels"),
    (r"version|item property", "it needs a newer version of its format"),
    (r"compression|codec|decompress", "its pixels are compressed in a way that is not read"),
    (r"", "it is of a kind that is not read"),
)
"""What sound files have that is not supported, the first that fits."""

_FAULTS = (
    (r"security limit|out of memory|allocat", "it promises more parts than a sound file has"),
    (r"out of range|bad .*dimensions|(image|row|strip|scanline|invalid|bad .*) size",
     "the size in its header is impossible"),
    (r"huffman|quantization|dqt|dht|dac index|jpegtables",
     "a table that its pixels are decoded with is damaged or missing"),
    (r"division by zero", "the size in its header is impossible"),
    (r"palette|colou?r map|raw mode", "its palette is damaged"),
    (r"color profile", "its colour profile is damaged"),
    (r"premature end of data segment|bad huffman", "a part of its pixels is missing or damaged"),
    ((r"corrupt frame|invalid frame|(color|alpha) plane|decompressed image|progression|"
     r"sps header|decoding error|code word|not yet in table|data check|uncompressed data|"
     r"unable to read pixels"), "a part of its pixels is damaged"),
    (r"(count|type|values per sample) for \"|field|reading of \"|tag|value failed",
     "a field that describes it is damaged or missing"),
    ((r"end of (file|jpeg|.*source data)|truncated|not enough|insufficient|read error at|"
     r"requires a buffer|seek error|extent in|no compressed data|can only read|too small"),
     "it ends too early"),
    (r"directory", "the list of its pages is damaged"),
    (r"strip|tile", "the list of its pixels' parts is damaged"),
    (r"no frames|invalid image index", "it has no picture in it"),
    (r"bitstream", "a part of its pixels is damaged"),
    (r"box|primary item|item|bmff|\bpitm\b|auxc|data extent",
     "the list of its parts is damaged or incomplete"),
    (r"marker|file structure|sos |component id|sampling|extraneous|dnl|not a jpeg",
     "its parts are damaged or out of order"),
    (r"pngload|unable to parse|header", "its header is damaged"),
    (r"read error|write to memory|copy to memory", "a part of its pixels is missing or damaged"),
)  # fmt: skip
"""What is wrong with damaged files, the first that fits: causes before what follows from them."""

_XML = (
    (r"no element found", "it ends before the drawing does"),
    (r"invalid token|syntax|char", "it has a character where none may be"),
    (r"unclosed", "a tag or a section does not end"),
    (r"mismatched", "its elements do not lie within each other"),
    (r"duplicate", "an element has an attribute twice"),
    (r"junk", "something follows the drawing"),
    (r"undefined entity", "it names an entity that it does not define"),
    (r"recursive|amplification|memory", "its entities grow without end"),
    (r"encoding|codec|multi-byte", "it has another encoding than it says, or an unknown one"),
    (r"prefix", "it uses a prefix that it does not define"),
    (r"declaration", "its declaration is damaged"),
    (r"", "its markup is damaged"),
)
"""What is wrong with an SVG, the first that fits."""


def fault(text: str) -> str:
    """Return what is wrong with a file, where a library said `text`, which goes to the log."""
    return _first(_FAULTS, text)


def kind(text: str) -> str:
    """Return what is unusual about a sound file, where a library said `text`."""
    return _first(_KINDS, text)


def xml(text: str) -> str:
    """Return what is wrong with an SVG, where its parser said `text`."""
    return _first(_XML, text)


def is_kind(text: str) -> bool:
    """Return whether a library said that a file is of another kind, and not that it is damaged."""
    return bool(_UNSUPPORTED.search(text)) and not _DAMAGED.search(text)


def _first(table: tuple[tuple[str, str], ...], text: str) -> str:
    logging.getLogger(__name__).warning("The decoder said: %s", shortened(plain(text), MAX_LOGGED))
    words = text.lower()
    return next((says for pattern, says in table if re.search(pattern, words)), GENERIC)
