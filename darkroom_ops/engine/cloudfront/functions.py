"""CloudFront's functions, in Node.js: a context of their own, without files and network."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

SECONDS = 10
"""Of a call, with Node's start. On AWS a function has about a millisecond."""

NEEDS_NODE = (
    "its functions need Node.js (`node`), which is not on the PATH: what they serve answers 503"
)

PROGRAM = """
const vm = require('vm');
const {code, event} = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const context = vm.createContext(Object.create(null));
const call = `Promise.resolve(handler(JSON.parse(${JSON.stringify(JSON.stringify(event))})))`
  + '.then(JSON.stringify)';
vm.runInContext(`var console = {log() {}};\\n${code}\\n${call}`, context)
  .then(text => process.stdout.write(text ?? ''));
"""


class FunctionFailed(Exception):
    """What a function failed on, or returned that CloudFront does not take."""


def present() -> bool:
    """Return whether there is what runs functions."""
    return shutil.which("node") is not None


def run(code: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a function's handler makes of an event."""
    node = shutil.which("node")
    if node is None:
        raise FunctionFailed(NEEDS_NODE)
    try:
        done = subprocess.run(
            [node, "-e", PROGRAM],
            input=json.dumps({"code": code, "event": event}).encode(),
            capture_output=True,
            timeout=SECONDS,
            check=True,
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise FunctionFailed(f"the function took over {SECONDS} seconds") from error
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").splitlines()
        told = next((line for line in lines if "Error" in line), "it failed")
        raise FunctionFailed(f"the function failed: {told}") from error
    except ValueError as error:
        raise FunctionFailed("the function returned nothing") from error
    if not isinstance(answer, dict):
        raise FunctionFailed(f"the function returned no object, but {answer!r}")
    return answer
