"""Services that the template does not use, left out while moto is imported.

moto's CloudFormation imports every service that it can create something of, with EC2's catalogue of
machines and a validator of OpenAPI: half a second of CPU at each start of the engine. What is left
out here is an import away, for whoever calls it.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterator
from types import ModuleType

SERVICES = (
    "apigateway",
    "autoscaling",
    "ec2",
    "ecs",
    "efs",
    "elb",
    "elbv2",
    "emr",
    "rds",
    "sagemaker",
)


class _Absent(ModuleType):
    """Gives an empty class for whatever is imported from it."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        if not f"{name}.".startswith(tuple(f"moto.{service}." for service in SERVICES)):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _Absent(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Leave it empty."""


@contextlib.contextmanager
def left_out() -> Iterator[None]:
    """Leave the services out of what is imported meanwhile, but for what is there already."""
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name, each in sys.modules.items() if isinstance(each, _Absent)]:
            del sys.modules[name]
            parent, _, attribute = name.rpartition(".")
            vars(sys.modules.get(parent, _Absent(parent))).pop(attribute, None)
