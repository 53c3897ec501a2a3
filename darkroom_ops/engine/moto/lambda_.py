"""Lambda: functions run in the engine's own processes."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass
from typing import Any

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import LambdaBackend, LambdaFunction, LayerVersion, lambda_backends
from moto.awslambda.responses import LambdaResponse
from moto.core.exceptions import JsonRESTError
from moto.core.utils import unix_time_millis, utcnow
from moto.sqs.models import sqs_backends

from darkroom_ops.engine import backends
from darkroom_ops.engine.moto.hook import hook, services
from darkroom_ops.engine.moto.logs import stream_of
from darkroom_ops.engine.permissions import MACHINE, Call
from darkroom_ops.engine.protocols import ServiceError, client_error


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


@hook(LambdaFunction, "save_logs", "Moto has a log stream for each invocation.")
def save_logs(self: Any, output: str) -> None:
    prefix = f"{utcnow():%Y/%m/%d}/[{self.version}]"
    stream = stream_of(self.logs_backend, self.logs_group_name, prefix)
    lines = [{"timestamp": unix_time_millis(), "message": line} for line in output.splitlines()]
    self.logs_backend.put_log_events(self.logs_group_name, stream, lines)


FUNCTION_ERROR = "Unhandled"
"""Of whatever a function failed on (Lambda API reference, Invoke: X-Amz-Function-Error)."""


KINDS = ("RequestResponse", "Event", "DryRun")


@hook(
    LambdaFunction,
    "invoke",
    (
        "Moto calls every function error handled, runs a function for a DryRun, and waits for one "
        "that is invoked as for an Event, whose failure nobody hears of."
    ),
)
def invoke_as_asked(self: Any, body: Any, request_headers: Any, response_headers: Any) -> Any:
    kind = request_headers.get("x-amz-invocation-type", "RequestResponse")
    if kind not in KINDS:
        raise LambdaClientError(
            "InvalidParameterValueException", f"Expected one of {', '.join(KINDS)}, not {kind!r}."
        )
    try:
        event = json.loads(body) if body else {}
    except ValueError as error:
        raise LambdaClientError(
            "InvalidRequestContentException",
            f"Could not parse request body into json: {error}",
        ) from None
    if kind == "DryRun":
        return b""
    if kind == "Event":
        services().router.invoke(self.function_arn, json.dumps(event))
        return b""
    payload, failed, log = self._invoke_lambda(event)
    if failed:
        response_headers["x-amz-function-error"] = FUNCTION_ERROR
    response_headers["x-amz-log-result"] = base64.b64encode(log.encode()).decode()
    return payload.encode()


@hook(
    LambdaResponse,
    "invoke",
    "Moto looks for an invocation's qualifier by another name: any would do.",
    report="Invoke runs a version that is not there",
)
def invoke_version(self: Any) -> Any:
    if "Qualifier" in self.querystring:
        self.querystring["qualifier"] = self.querystring["Qualifier"]
    return invoke_version.original(self)


@dataclass(frozen=True)
class Client:
    """What state machines invoke functions with: boto3's client, but for HTTP and its cost."""

    region: str

    def invoke(self, **given: Any) -> dict[str, Any]:
        """Invoke a function; parameters, answer and errors are those of boto3."""
        texts = {name: value for name, value in given.items() if isinstance(value, str)}
        call = Call(MACHINE, "lambda", "Invoke", texts)
        return services().gateway.make(call, lambda: self._invoke(given))

    def _invoke(self, given: dict[str, Any]) -> dict[str, Any]:
        known = lambda_backends[backends.ACCOUNT][self.region]
        try:
            function = known.get_function(given["FunctionName"], given.get("Qualifier"))
        except JsonRESTError as error:
            refused = ServiceError(error.code, error.error_type, error.message)
            raise client_error(refused, "Invoke") from error
        payload, failed, _ = function._invoke_lambda(json.loads(given.get("Payload", b"{}")))
        answer = {"StatusCode": 200, "Payload": io.BytesIO(payload.encode())}
        return answer | ({"FunctionError": FUNCTION_ERROR} if failed else {})


@hook(
    LambdaFunction,
    "create_from_cloudformation_json",
    "Moto's CloudFormation drops a function's architecture, layers and tracing.",
)
def create_function(
    resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **given: Any
) -> Any:
    function = create_function.original.__func__(
        LambdaFunction, resource_name, cloudformation_json, account_id, region_name, **given
    )
    declared = cloudformation_json["Properties"]
    if "Architectures" in declared:
        function.architectures = declared["Architectures"]
    if "Layers" in declared:  # a reference to one is moto's own object here
        arns = [getattr(each, "arn", each) for each in declared["Layers"]]
        function.update_configuration({"Layers": arns})
    function.tracing_config = declared.get("TracingConfig", function.tracing_config)
    return function


@hook(
    LayerVersion,
    "create_from_cloudformation_json",
    "Moto's CloudFormation names a layer itself, and drops its architectures.",
)
def create_layer(
    resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
) -> Any:
    declared = {"LayerName": resource_name, **cloudformation_json["Properties"]}
    return lambda_backends[account_id][region_name].publish_layer_version(declared)


@hook(
    LambdaBackend,
    "create_event_source_mapping",
    (
        "Moto invokes a queue's function inside the call that sends a message, as often at once as "
        "messages come, and only then."
    ),
)
def create_event_source_mapping(self: Any, spec: dict[str, Any]) -> Any:
    mapping = create_event_source_mapping.original(self, spec)
    for queue in sqs_backends[self.account_id][self.region_name].queues.values():
        if queue.queue_arn == mapping.event_source_arn:
            queue.lambda_event_source_mappings.clear()
            services().event_sources.add(mapping)
    return mapping
