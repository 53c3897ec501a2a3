"""A function that does what its event says: the worker tests drive it."""

from __future__ import annotations

import os
import sys
import time
from typing import Any


def handler(event: dict[str, Any], context: Any) -> Any:
    print("printed by the function")
    action = event.get("do")
    if action == "raise":
        raise ValueError(event["message"])
    if action == "sleep":
        time.sleep(event["seconds"])
    elif action == "exit":
        os._exit(event["code"])
    elif action == "allocate":
        held = bytearray(event["bytes"])
        return len(held)
    elif action == "spin":
        held = bytearray(event["bytes"])
        time.sleep(30)
        return len(held)
    elif action == "unserialisable":
        return object()
    elif action == "large":
        return "x" * event["bytes"]
    elif action == "sys.exit":
        sys.exit(1)
    return {
        "event": event,
        "pid": os.getpid(),
        "environment": dict(os.environ),
        "request": context.aws_request_id,
        "remaining": context.get_remaining_time_in_millis(),
        "memory": context.memory_limit_in_mb,
    }
