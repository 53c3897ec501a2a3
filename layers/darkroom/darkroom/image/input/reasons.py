"""Why a file cannot be read, in a person's words: what libraries say, and what that means."""

from __future__ import annotations

import logging
import re

from darkroom.contract.text import plain, shortened

GENERIC = "its data are damaged or incomplete"

MAX_LOGGED = 1000
"""Of what a library says, in characters: one damaged file can make it say the same for hours."""

_KINDS = (
    (r"marker type|sof type|jpeg process", "its pixels are coded in a way that few programs read"),
    (r"data precision|samples out of range|bits", "its samples have an unusual number of bits"),
    (r"labq", "its colours are CIELab of 8 bits"),
    (r"version|item property", "it needs a newer version of its format"),
    (r"compression|codec|decompress", "its pixels are compressed in a way that is not read"),
    (r"", "it is of a kind that is not read"),
)
"""What sound files have that is not supported, the first that fits."""

_FAULTS = (
    (r"security limit|out of memory|allocat", "it promises more parts than a sound file has"),
    (r"out of range|bad .*dimensions|image size|row size|strip size|scanline size|bad .*size",
     "the size in its header is impossible"),
    (r"huffman|quantization|dqt|dht|dac index|jpegtables",
     "a table that its pixels are decoded with is damaged or missing"),
    (r"palette|colou?r map|raw mode", "its palette is damaged"),
    (r"color profile", "its colour profile is damaged"),
    (r"premature end of data segment|bad huffman", "a part of its pixels is missing or damaged"),
    ((r"corrupt frame|invalid frame|(color|alpha) plane|decompressed image|progression|"
     r"sps header|decoding error|code word|not yet in table|data check|uncompressed data|"
     r"unable to read pixels"), "a part of its pixels is damaged"),
    (r"(count|type|values per sample) for \"|field|reading of \"|tag|value failed",
     "a field that describes it is damaged or missing"),
    ((r"end of (file|jpeg|.*source data)|truncated|not enough|insufficient|read error at|"
     r"seek error|extent in|no compressed data|can only read|too small"), "it ends too early"),
    (r"directory", "the list of its pages is damaged"),
    (r"strip|tile", "the list of its pixels' parts is damaged"),
    (r"no frames", "it has no picture in it"),
    (r"box|primary item|item|bmff|\bpitm\b", "the list of its parts is damaged or incomplete"),
    (r"marker|file structure|sos |component id|sampling|extraneous|dnl|not a jpeg",
     "its parts are damaged or out of order"),
    (r"pngload|unable to parse|header", "its header is damaged"),
    (r"read error|write to memory|copy to memory", "a part of its pixels is missing or damaged"),
)  # fmt: skip
"""What is wrong with damaged files, the first that fits: causes before what follows from them."""


def fault(text: str) -> str:
    """Return what is wrong with a file, where a library said `text`, which goes to the log."""
    return _first(_FAULTS, text)


def kind(text: str) -> str:
    """Return what is unusual about a sound file, where a library said `text`."""
    return _first(_KINDS, text)


def _first(table: tuple[tuple[str, str], ...], text: str) -> str:
    logging.getLogger(__name__).warning("The decoder said: %s", shortened(plain(text), MAX_LOGGED))
    words = text.lower()
    return next((says for pattern, says in table if re.search(pattern, words)), GENERIC)
