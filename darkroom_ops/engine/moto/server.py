"""What is not one service's: how moto's server finds services, and the paths of requests."""

from __future__ import annotations

import functools
from typing import Any

from moto import backends
from moto.core import utils
from moto.core.base_backend import AccountSpecificBackend
from moto.moto_server.utilities import RegexConverter

from darkroom_ops.engine.moto.hook import hook


@hook(backends, "list_of_moto_modules", "Moto lists its own folders for every request.")
@functools.cache
def service_names() -> frozenset[str]:
    return frozenset(service_names.original())


@hook(
    utils,
    "create_loader",
    "Moto lists botocore's 400 folders for each service whose description it reads.",
)
@functools.cache
def description_loader() -> Any:
    return description_loader.original()


@hook(
    AccountSpecificBackend,
    "_generate_regions",
    "Moto reads a service's whole description to know the regions that it is in.",
)
def regions(self: Any, service_name: str) -> list[str]:  # noqa: ARG001 - moto's signature
    partitions = description_loader.replacement().load_data("endpoints")["partitions"]
    return [region for partition in partitions for region in partition["regions"]]


@hook(
    RegexConverter,
    "__init__",
    "Moto's server does not find an object whose key has a line break in it.",
    report="An object whose key has a line break is not found",
)
def match_path(self: Any, url_map: Any, *items: Any) -> None:
    match_path.original(self, url_map, *items)
    self.regex = f"(?s:{self.regex})"
