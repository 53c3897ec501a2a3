"""The fields of an input as typed: ``--input``, ``--preset``, ``--watermark``."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from darkroom.contract.text import shortened

from darkroom_ops.present.failures import WrongUse

LONGEST = 200
"""Characters of a name that are said."""

_PRESET = re.compile(r"(?P<name>[^=]+)=(?P<width>\d*)x(?P<height>\d*)(?P<more>(?:,[^=,]+=[^,]+)*)")

_FOCAL_POINT = re.compile(r"(?P<x>\d+(?:\.\d+)?)x(?P<y>\d+(?:\.\d+)?)")


def text_of(given: str, option: str) -> tuple[str, str]:
    """Return the text that an option stands for, and what to call it in a message.

    It is given as JSON, ``@file``, the path of a file, or ``-`` for standard input.
    """
    if given == "-":
        return "standard input", sys.stdin.read()
    if given.startswith("@"):
        return given[1:], _read(Path(given[1:]))
    if given.lstrip()[:1] in {"{", "[", '"'}:
        return option, given
    if not os.path.exists(given):  # noqa: PTH110 - Path fails at a name that is too long
        raise WrongUse(
            f"Expected {option} to be JSON, or the name of a file with it, but there is no file "
            f"{shortened(given, LONGEST)!r}."
        )
    return given, _read(Path(given))


def json_of(given: str, option: str) -> dict[str, Any]:
    """Return the JSON object that an option stands for; see :func:`text_of`.

    WrongUse says that it is none.
    """
    name, text = text_of(given, option)
    try:
        value = json.loads(text)
    except ValueError as error:
        raise WrongUse(
            f"Expected {name} to be JSON, or the name of a file with it, but it is not: "
            f'{error}. An example: \'{{"pdf": {{"pageSize": "A4"}}, "notify": false}}\'.'
        ) from None
    if not isinstance(value, dict):
        raise WrongUse(
            f"Expected {name} to be a JSON object, but received {type(value).__name__}: "
            f"{json.dumps(value)[:60]}."
        )
    return value


def fields_of(
    given: str | None,
    presets: Sequence[str] | None,
    watermark: str | None,
    *,
    notify: bool | None = None,
) -> dict[str, Any]:
    """Return the fields that options stand for.

    An empty watermark means none. WrongUse says what is not understood.
    """
    from darkroom_ops.rerun import changed

    return changed(
        json_of(given, "--input") if given is not None else {},
        presets=[preset(each) for each in presets or ()] or None,
        watermark=None if watermark is None else {"text": watermark} if watermark else {},
        notify=notify,
    )


def preset(given: str) -> dict[str, Any]:
    """Read a preset as typed: ``thumb=160x160,fit=cover,format=webp``.

    Width or height may be left out: ``wide=1600x``. What follows are fields of the schema; what
    they mean is checked with the request. A focal point is typed as ``position=0.3x0.2``, a list as
    ``format=webp+jpeg``.
    """
    match = _PRESET.fullmatch(given)
    if match is None:
        raise WrongUse(
            "Expected --preset as name=WIDTHxHEIGHT in pixels, such as thumb=160x160 or wide=1600x "
            f"or thumb=160x160,fit=cover,format=webp,quality=70, but received {given!r}."
        )
    fields: dict[str, Any] = {"name": match["name"]}
    fields |= {side: int(match[side]) for side in ("width", "height") if match[side]}
    for field in filter(None, match["more"].split(",")):
        name, _, value = field.partition("=")
        if name == "position":
            fields[name] = _focal_point(value)
        else:
            fields[name] = value.split("+") if "+" in value else _value(value)
    return fields


def _focal_point(text: str) -> str | dict[str, float]:
    match = _FOCAL_POINT.fullmatch(text)
    return {"x": float(match["x"]), "y": float(match["y"])} if match else text


def _value(text: str) -> int | bool | str:
    if text.isdecimal():
        return int(text)
    return {"true": True, "false": False}.get(text, text)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise WrongUse(f"Expected to read the input from {path}, but: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise WrongUse(f"Expected {path} to be JSON text in UTF-8, but it is not text.") from None
