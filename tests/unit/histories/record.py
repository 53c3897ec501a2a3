"""Record the histories that the tests of executions and of costs read.

Run as ``python -m tests.unit.histories.record`` when the state machine changes. Timestamps become
seconds, and what no reader looks at is left out, so that a recording is a few KB.
"""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

from darkroom_ops.deployment import Deployment
from darkroom_ops.engine import Engine
from darkroom_ops.engine.stepfunctions.task_faults import Fault

HERE = Path(__file__).parent
PROJECT = HERE.parents[2]
PHOTO = (PROJECT / "samples" / "rocket.jpg").read_bytes()
DROPPED = {"inputDetails", "outputDetails", "region", "assignedVariables", "output"}
READ = ("FunctionName", "ExpressionAttributeValues")
"""The parameters of a call that are looked at."""


def main() -> None:
    """Record every case."""
    with Engine(PROJECT / "template.yaml", skip_waits=True) as engine:
        engine.functions.warm()
        record(engine, "complete", "uploads/rocket.jpg", PHOTO)
        again = json.loads(newest(engine.deployment)["input"])
        engine.router.put(again)
        save(engine, "duplicate")
        fault(
            engine, "retried", Fault("Resize", "StorageError", "S3 is busy.", times=1, when=medium)
        )
        cause = json.dumps({"errorMessage": "Too many pixels.", "errorType": "ImageTooLarge"})
        fault(engine, "item_failed", Fault("Resize", "ImageTooLarge", cause, when=medium))
        fault(engine, "timed_out", Fault("Prepare", "States.Timeout"))
        record(engine, "corrupt", "uploads/corrupt.jpg", PHOTO[:50_000])
        request = {
            "source": {"bucket": engine.deployment.source_bucket_name, "key": "uploads/rocket.jpg"},
            "presets": [{"name": "thumb", "width": 100}],
            "notify": False,
        }
        engine.deployment.stepfunctions.start_execution(
            stateMachineArn=engine.deployment.state_machine_arn, input=json.dumps(request)
        )
        save(engine, "silent")
        redriven(engine)


def redriven(engine: Engine) -> None:
    """Record an execution that is stopped while it makes its second rendition, and redriven."""
    reached, gate = threading.Event(), threading.Event()

    def hold(task: Any) -> bool:
        if medium(task):
            reached.set()
            gate.wait(60)
        return False

    engine.faults.inject(Fault("Resize", "StorageError", times=0, when=hold))
    deployment, key = engine.deployment, "uploads/redriven.jpg"
    deployment.s3.put_object(Bucket=deployment.source_bucket_name, Key=key, Body=PHOTO)
    reached.wait(60)
    named = {"executionArn": newest(deployment)["executionArn"]}
    deployment.stepfunctions.stop_execution(**named, error="Stopped", cause="Wrong folder.")
    gate.set()
    engine.faults.clear()
    time.sleep(2)  # the pause, which is to be longer than what runs
    deployment.stepfunctions.redrive_execution(**named)
    save(engine, "redriven")


def medium(task: Any) -> bool:
    """Tell whether a Map item makes the rendition ``medium``."""
    return bool(task["rendition"]["name"] == "medium")


def fault(engine: Engine, name: str, injected: Fault) -> None:
    """Record an execution with a fault."""
    engine.faults.inject(injected)
    record(engine, name, f"uploads/{name}.jpg", PHOTO)
    engine.faults.clear()


def record(engine: Engine, name: str, key: str, body: bytes) -> None:
    """Record the execution of an upload."""
    deployment = engine.deployment
    deployment.s3.put_object(Bucket=deployment.source_bucket_name, Key=key, Body=body)
    save(engine, name)


def newest(deployment: Deployment) -> dict[str, Any]:
    """Return the description of the newest execution."""
    client = deployment.stepfunctions
    listed = client.list_executions(stateMachineArn=deployment.state_machine_arn)
    return dict(client.describe_execution(executionArn=listed["executions"][0]["executionArn"]))


def save(engine: Engine, name: str) -> None:
    """Write the newest execution, once it has ended."""
    assert engine.wait_idle()
    described = newest(engine.deployment)
    for unread in ("ResponseMetadata", "redriveDate"):
        described.pop(unread, None)
    start = described["startDate"].timestamp()
    for field in ("startDate", "stopDate"):
        described[field] = round(described[field].timestamp() - start, 3)
    pages = engine.deployment.stepfunctions.get_paginator("get_execution_history").paginate(
        executionArn=described["executionArn"]
    )
    events = [compact(dict(event), start) for page in pages for event in page["events"]]
    lines = ",\n".join(json.dumps(event, ensure_ascii=False) for event in events)
    head = json.dumps(described, ensure_ascii=False)
    (HERE / f"{name}.json").write_text(f'{{"described": {head},\n"events": [\n{lines}\n]}}\n')


def compact(event: dict[str, Any], start: float) -> dict[str, Any]:
    """Leave out of an event what no reader looks at."""
    event["timestamp"] = round(event["timestamp"].timestamp() - start, 3)
    for field, details in event.items():
        if not field.endswith("EventDetails"):
            continue
        kept = {key: value for key, value in details.items() if key not in DROPPED}
        if "parameters" in kept:
            parameters = json.loads(kept["parameters"])
            read = {key: parameters[key] for key in READ if key in parameters}
            told = parameters.get("Payload", {}).get("input", {}).get("notify")
            if told is not None:
                read["Payload"] = {"input": {"notify": told}}
            kept["parameters"] = json.dumps(read)
        if kept.get("cause", "").startswith("{"):
            cause = json.loads(kept["cause"])
            cause.pop("stackTrace", None)  # it names this machine's folders
            kept["cause"] = json.dumps(cause)
        if kept.get("name") != "Resize":
            kept.pop("input", None)
        event[field] = kept
    return event


if __name__ == "__main__":
    main()
