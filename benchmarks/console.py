"""How quickly the console answers, with many executions present.

Run by ``make bench-console``. Real executions on the local engine: most are an upload's
event sent again, which ends in AlreadyProcessed; the newest are whole. Every page is asked for over
HTTP by a client on the same machine; the first answer is told apart, since nothing is remembered
then. What a page costs in the browser is not in these figures.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urljoin

import requests
from PIL import Image

from darkroom_ops.console.serve import serving
from darkroom_ops.engine import Engine
from darkroom_ops.executions.model import SourceObject

ROOT = Path(__file__).resolve().parent.parent
WHOLE = 50
"""Executions that process an image: as many as the first page of the list shows."""
AT_ONCE = 8
GOAL_MS = 150


def photo(number: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (640, 480), (number % 256, 90, 120)).save(out, "JPEG")
    return out.getvalue()


def fill(engine: Engine, count: int) -> str:
    """Run executions and return the name of the newest whole one."""
    at = engine.deployment
    put = at.s3.put_object(Bucket=at.source_bucket_name, Key="uploads/first.jpg", Body=photo(0))
    first = SourceObject(at.source_bucket_name, "uploads/first.jpg", put["VersionId"])
    engine.wait_idle()
    (listed,) = at.stepfunctions.list_executions(stateMachineArn=at.state_machine_arn)["executions"]
    event = at.stepfunctions.describe_execution(executionArn=listed["executionArn"])["input"]
    assert json.loads(event)["detail"]["object"]["version-id"] == first.version_id

    def again(_: int) -> None:
        started = at.stepfunctions.start_execution(
            stateMachineArn=at.state_machine_arn, input=event
        )
        arn = started["executionArn"]
        while at.stepfunctions.describe_execution(executionArn=arn)["status"] == "RUNNING":
            time.sleep(0.02)

    whole = min(count, WHOLE)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(again, range(count - whole)))
    for number in range(1, whole):
        key = f"uploads/photo-{number:02}.jpg"
        at.s3.put_object(Bucket=at.source_bucket_name, Key=key, Body=photo(number))
    engine.wait_idle(600)
    newest = at.stepfunctions.list_executions(stateMachineArn=at.state_machine_arn, maxResults=1)
    return newest["executions"][0]["name"]


def timed(session: requests.Session, address: str) -> float:
    began = time.perf_counter()
    session.get(address, headers={"accept": "text/html"}, timeout=60).raise_for_status()
    return 1000 * (time.perf_counter() - began)


def measure(base: str, name: str, rounds: int) -> Iterator[tuple[str, float, float, float]]:
    one = f"/executions/{name}"
    pages = {
        "executions": "/",
        "… filtered by status": "/?status=ALREADY_PROCESSED",
        "… filtered by image": "/?image=photo-4",
        "one execution": one,
        "its events": f"{one}/events",
        "its re-run": f"{one}/rerun",
        "inbox": "/inbox",
    }
    with requests.Session() as session:
        timed(session, base)  # its token becomes a cookie
        for page, path in pages.items():
            first = timed(session, urljoin(base, path))
            times = sorted(timed(session, urljoin(base, path)) for _ in range(rounds))
            yield page, first, statistics.median(times), times[int(0.95 * (rounds - 1))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executions", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    with Engine(ROOT / "template.yaml") as engine:
        began = time.monotonic()
        name = fill(engine, given.executions)
        print(f"{given.executions} executions in {time.monotonic() - began:.0f} s\n")
        with serving(engine.deployment, engine.inbox, 0) as base:
            print(
                f"{'page':<22}{'first':>10}{'median':>10}{'95 %':>10}   (ms; the goal is {GOAL_MS})"
            )
            for page, first, median, late in measure(base, name, given.rounds):
                print(f"{page:<22}{first:>10.0f}{median:>10.0f}{late:>10.0f}")


if __name__ == "__main__":
    main()
