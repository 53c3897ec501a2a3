"""What all contracts are: frozen, strict, camelCase in JSON, with errors that people understand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import msgspec
from msgspec import Struct

from darkroom.contract.errors import InvalidRequest
from darkroom.contract.fields import CHOICES, FOCAL_POINT_EXAMPLE, MEANINGS, UNIONS

_AT_PATH = re.compile(r" - at `(?P<path>[^`]*)`\Z")
_INDEX = re.compile(r"\[\d+\]")
_STEP = re.compile(r"\.(?P<field>[^.\[\]]+)|\[(?P<index>\d+)\]")


class Contract(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """Base of all models: frozen, strict, camelCase in JSON, what is not set left out."""


ContractT = TypeVar("ContractT", bound=Contract)


def parse(payload: object, model: type[ContractT]) -> ContractT:
    """Check JSON-like data against a model.

    InvalidRequest names the field, what was expected and what came.
    """
    try:
        contract = msgspec.convert(payload, model)
        msgspec.json.encode(contract)  # what no text can hold is known when it is written
    except msgspec.ValidationError as error:
        raise InvalidRequest(_explain(str(error), payload)) from None
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            "Expected text that can be written in UTF-8, but received half of a surrogate pair: "
            f"{short(error.object)}."
        ) from None
    return contract


def dump(contract: Contract) -> dict[str, Any]:
    """Return a model as JSON-like data, for the state machine."""
    return cast("dict[str, Any]", msgspec.to_builtins(contract))


def _explain(message: str, payload: object) -> str:
    """Turn msgspec's message into one that also says what came, and in whose words."""
    match = _AT_PATH.search(message)
    path = match["path"] if match else "$"
    text = message[: match.start()] if match else message
    text = text.replace("Object missing", "Missing").replace("Object contains", "Received")
    field = path.removeprefix("$").removeprefix(".")
    came = _at(payload, path)
    where = f"in {field!r}" if field else "in the input"
    if text.startswith(("Missing", "Received")):
        return f"{text} {where}. {_fields_help(text, field)}"
    name = _INDEX.sub("", field.rpartition(".")[2])
    if not field.endswith("]") and (union := _INDEX.sub("", field)) in UNIONS:
        text = f"Expected {UNIONS[union]},"
    elif "matching regex" in text and name in MEANINGS:
        text = f"Expected {MEANINGS[name]}"
    elif name in CHOICES:
        text = f"Expected one of {', '.join(CHOICES[name])}"
    return f"{_in_words(text)} {where}, but received {short(came)}."


_EXPECTED = re.compile(
    r"Expected `(?P<types>[^`]+)`(?P<length> of length)?(?: (?P<sign>[<>]=) (?P<limit>[\d.]+))?"
    r"(?:, got `[^`]+`)?"
)
_TYPES = {
    "str": "text", "int": "a whole number", "float": "a number", "bool": "true or false",
    "array": "a list", "object": "an object",
}  # fmt: skip
_SIGNS = {">=": "at least", "<=": "at most"}


def _in_words(text: str) -> str:
    """Return what msgspec expected as a person says it, who need not know Python's types."""
    if (match := _EXPECTED.fullmatch(text)) is None:
        return text
    types = [each for each in match["types"].split(" | ") if each != "null"]
    said = "Expected " + " or ".join(_TYPES.get(each, each) for each in types)
    if match["sign"] is None:
        return said
    said += f" of {_SIGNS[match['sign']]} {match['limit'].removesuffix('.0')}"
    if match["length"]:
        what = "item" if "array" in types else "character"
        said += f" {what}" if match["limit"] == "1" else f" {what}s"
    return said


def _fields_help(text: str, field: str) -> str:
    if text.startswith("Received"):
        return "Remove it or correct its spelling; events/request.schema.json lists every field."
    if field.endswith(".position"):
        return f"A focal point looks like {FOCAL_POINT_EXAMPLE}."
    return 'A request looks like {"source": {"bucket": "my-bucket", "key": "uploads/photo.jpg"}}.'


def _at(payload: object, path: str) -> object:
    """Return the value at a msgspec path such as ``$.presets[0].width``."""
    value = payload
    for step in _STEP.finditer(path):
        if step["field"] is not None and isinstance(value, Mapping):
            value = value.get(step["field"])
        elif step["index"] is not None and isinstance(value, (list, tuple)):
            value = value[int(step["index"])]
    return value


def short(value: object) -> str:
    """Return a value as JSON, cut to what a message can hold."""
    try:
        text = msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # half of a surrogate pair
        text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}…"  # noqa: PLR2004
