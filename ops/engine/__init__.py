"""The local engine: runs the very template.yaml and state machine that AWS runs."""

from ops.engine import descriptions  # noqa: F401 - before moto, which reads them
from ops.engine.engine import Engine, PortInUse

__all__ = ["Engine", "PortInUse"]
