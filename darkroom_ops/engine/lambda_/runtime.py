"""The inside of an execution environment: what a Lambda runtime does around a handler.

Run as a script, with nothing of the engine imported, so that its process weighs what its function
weighs. Requests come as JSON lines on standard input. Replies go to the original standard output;
what the function prints goes to standard error, which the engine keeps as its log. The process ends
with its input, or with its engine.

With ``fork`` and names of modules as arguments it imports those, and forks environments that have
them already; with ``wait`` and such names it becomes one itself, when it is told which.

Error payloads are those of the Lambda Python runtime: ``errorType``, ``errorMessage``,
``requestId``, ``stackTrace`` (Lambda developer guide, "Python function errors").
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import selectors
import socket
import struct
import sys
import sysconfig
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

MAX_PAYLOAD_BYTES = 6_291_556
"""A synchronous invocation's response limit (Lambda developer guide, "Lambda quotas")."""

PARENT_CHECK_SECONDS = 0.5

MAX_REQUEST_BYTES = 1 << 16
"""A request to fork. Lambda allows 4 KB of variables; SOCK_SEQPACKET keeps requests apart."""

NUMBER = struct.Struct("i")


class Context:
    """The context object of an invocation, with the attributes of Lambda's.

    The deadline is in seconds of ``time.monotonic``.
    """

    def __init__(self, request_id: str, arn: str, deadline: float) -> None:
        environ = os.environ
        self.aws_request_id = request_id
        self.invoked_function_arn = arn
        self.function_name = environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = None
        self.client_context = None
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the invocation may still run, in milliseconds."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def serve() -> None:
    """Answer invocations until standard input ends."""
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    _end_with(os.getppid())
    handler: Callable[[Any, Context], Any] | None = None
    init_error: dict[str, Any] | None = None
    try:
        handler = _load(os.environ["_HANDLER"])
    except Exception as error:  # noqa: BLE001 - a function's start may raise anything
        init_error = _init_error(error)
    _reply(replies, {"ready": init_error is None})
    for line in sys.stdin:
        request = json.loads(line)
        if handler is None:
            failed = {"payload": json.dumps(init_error), "failed": True}
        else:
            failed = _invoke(handler, request)
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stderr.write(f"{request['end']}\n")  # `print` writes twice: its engine may read between
        sys.stderr.flush()
        _reply(replies, failed | {"peak_bytes": _peak_bytes()})


def serve_forks(preload: list[str]) -> None:
    """Fork a process for each request on standard input, a socket; return in the new process.

    A request is environment variables and a folder, with the descriptors of the standard streams
    and one for the process id and, when it has ended, the exit code. Only imports have run before a
    fork: no thread, no function's settings. Ends with the socket.
    """
    _import(preload)
    gc.freeze()
    requests = socket.socket(fileno=os.dup(0))
    selector = selectors.PollSelector()
    selector.register(requests, selectors.EVENT_READ)
    while True:
        for each, _ in selector.select():
            if each.data is not None:
                pid, status = each.data
                selector.unregister(each.fd)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                with contextlib.suppress(BrokenPipeError):
                    os.write(status, NUMBER.pack(code))
                os.close(status)
                os.close(each.fd)
                continue
            body, descriptors, _, _ = socket.recv_fds(requests, MAX_REQUEST_BYTES, 4)
            if not body:
                sys.exit()
            *streams, status = descriptors
            pid = os.fork()
            if pid == 0:
                requests.detach()
                _leave_fork_server(streams)
                _become_environment(json.loads(body))
                return
            with contextlib.suppress(BrokenPipeError):
                os.write(status, NUMBER.pack(pid))
            selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, status))
            for stream in streams:
                os.close(stream)


def wait_for_request(preload: list[str]) -> None:
    """Import modules, and become the environment that the first line of standard input tells."""
    _import(preload)
    _become_environment(json.loads(sys.stdin.readline() or sys.exit()))


def _import(names: list[str]) -> None:
    for name in names:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _leave_fork_server(streams: list[int]) -> None:
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(len(streams), os.sysconf("SC_OPEN_MAX"))


def _become_environment(request: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(request["variables"])
    os.chdir(request["folder"])


def _load(name: str) -> Callable[[Any, Context], Any]:
    sys.path[:0] = os.environ["DARKROOM_SYS_PATH"].split(os.pathsep)
    module, _, attribute = name.rpartition(".")
    handler: Callable[[Any, Context], Any] = getattr(importlib.import_module(module), attribute)
    return handler


def _invoke(handler: Callable[[Any, Context], Any], request: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + request["timeout"]
    context = Context(request["id"], request["arn"], deadline)
    try:
        result = handler(request["event"], context)
    except Exception as error:  # noqa: BLE001 - a handler may raise anything
        return {"payload": json.dumps(_error(error, request["id"])), "failed": True}
    try:
        payload = json.dumps(result)
    except (TypeError, ValueError) as error:
        return _failure("Runtime.MarshalError", f"Unable to marshal response: {error}", request)
    if len(payload) > MAX_PAYLOAD_BYTES:
        text = (
            f"Response payload size ({len(payload)} bytes) exceeded maximum allowed payload size "
            f"({MAX_PAYLOAD_BYTES} bytes)."
        )
        return _failure("Function.ResponseSizeTooLarge", text, request)
    return {"payload": payload, "failed": False}


def _failure(kind: str, message: str, request: dict[str, Any]) -> dict[str, Any]:
    error = {"errorMessage": message, "errorType": kind, "requestId": request["id"]}
    return {"payload": json.dumps(error | {"stackTrace": []}), "failed": True}


def _error(error: BaseException, request_id: str) -> dict[str, Any]:
    # The runtime's own frames are not the function's.
    frames = traceback.format_list(traceback.extract_tb(error.__traceback__)[1:])
    places = _places()
    for here, there in places.items():
        frames = [frame.replace(here, there) for frame in frames]
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": request_id,
        "stackTrace": frames,
    }


def _places() -> dict[str, str]:
    """Return the folders of this machine, each with where its files are on Lambda."""
    code, *layers = os.environ["DARKROOM_SYS_PATH"].split(os.pathsep)
    paths = sysconfig.get_paths()
    return {
        **dict.fromkeys(layers, "/opt/python"),
        code: "/var/task",
        paths["purelib"]: "/opt/python",
        paths["stdlib"]: f"/var/lang/lib/python{sysconfig.get_python_version()}",
    }


def _init_error(error: Exception) -> dict[str, Any]:
    traceback.print_exception(error)
    report = _error(error, "")
    if isinstance(error, ImportError):
        module = os.environ["_HANDLER"].rpartition(".")[0]
        report["errorType"] = "Runtime.ImportModuleError"
        report["errorMessage"] = f"Unable to import module '{module}': {error}"
    elif isinstance(error, AttributeError):
        report["errorType"] = "Runtime.HandlerNotFound"
    return report


def _reply(replies: Any, message: dict[str, Any]) -> None:
    replies.write(json.dumps(message) + "\n")
    replies.flush()


def _peak_bytes() -> int:
    """Return the largest resident size that this process had."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - no pathlib in here
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def _end_with(parent: int) -> None:
    """End this process when its parent is gone, even in the middle of a handler."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_CHECK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    _, *_how = sys.argv
    if _how:
        {"fork": serve_forks, "wait": wait_for_request}[_how[0]](_how[1:])
    serve()
