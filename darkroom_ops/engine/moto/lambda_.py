"""Lambda: functions run in the engine's own processes."""

from __future__ import annotations

from typing import Any

from moto.awslambda.models import LambdaFunction

from darkroom_ops.engine.moto.hook import hook, services


@hook(
    LambdaFunction,
    "_invoke_lambda",
    "Moto runs functions in Docker; the engine has processes of its own.",
)
def invoke(self: Any, event: Any = None) -> tuple[str, bool, str]:
    self.logs_backend.ensure_log_group(self.logs_group_name)
    done = services().functions.invoke(self.function_name, event)
    self.save_logs(done.log)
    return done.payload, done.failed, done.log[-4096:]
