"""The local engine: runs the very template.yaml and state machine that AWS runs."""

from ops.engine.engine import Engine, PortInUse

__all__ = ["Engine", "PortInUse"]
