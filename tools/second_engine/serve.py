"""MiniStack, with its functions under this Python, which has what the layer has.

Run with the folder that MiniStack is installed in; its packages come after those of this Python.
"""

from __future__ import annotations

import importlib
import runpy
import sys
from typing import Any


def error_type(trace: str, message: str) -> str:
    """Return the name of the class in a traceback's last part, as Lambda reports it."""
    named = trace.rstrip().removesuffix(message.rstrip()).rpartition("\n")[2]
    return named.rstrip(": ").rpartition(".")[2]


def name_errors(worker: Any) -> None:
    """Have errors of functions named after their classes: Retry and Catch ask for the name.

    MiniStack calls what a handler raises `Runtime.HandlerError`, but what its own call of the
    worker raises by its class. Lambda names a handler's exception by its class (Lambda developer
    guide, "Python function errors").
    """
    invoke = worker.invoke

    def invoked(*given: Any, **named: Any) -> Any:
        answer = invoke(*given, **named)
        if answer.get("status") == "error" and answer.get("trace"):
            name = error_type(answer["trace"], answer["error"])
            raise type(name, (Exception,), {})(answer["error"])
        return answer

    worker.invoke = invoked


if __name__ == "__main__":
    sys.path.append(sys.argv.pop(1))
    name_errors(importlib.import_module("ministack.core.lambda_runtime").Worker)
    runpy.run_module("ministack", run_name="__main__")
