"""All that reaches into moto's inside: its hooks, by service, and what is read from its backends.

Importing it registers every hook.
"""

from darkroom_ops.engine.moto import events, lambda_, s3, server, sns
from darkroom_ops.engine.moto.stepfunctions import definitions, executions, responses, tasks

__all__ = [
    "definitions",
    "events",
    "executions",
    "lambda_",
    "responses",
    "s3",
    "server",
    "sns",
    "tasks",
]
