"""How quickly the console and the commands answer, with many executions present.

Run by ``make bench-console``. The newest executions are real ones on the local engine; the others
are copies of them, further back in time and under other names and keys, put into the engine as
`darkroom up --data` puts back what it kept. Every page is asked for over HTTP by a client on the
same machine. Its first answer is that of a console which tells its address at this moment; the
others are those of a console that has answered before. What a page costs in the
browser is not in these figures. The processor's time is that of the engine, the console and the
client together: it tells more than the clock where something else runs on the machine.

Then how long it takes from an upload until an open list shows it, how long commands take, their
start included, and the memory of a console of its own, as `darkroom console` is, which has shown
every page.
"""

from __future__ import annotations

import argparse
import datetime
import io
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

import psutil
import requests
from PIL import Image

from darkroom_ops.cli import address
from darkroom_ops.console.serve import serving
from darkroom_ops.engine import Engine
from darkroom_ops.engine.data.store import Entry
from darkroom_ops.engine.moto.state import EngineState

ROOT = Path(__file__).resolve().parent.parent
REAL = 50
"""Executions that run, at most: as many as the first page of the list shows."""
BROKEN = 10
"""One of so many is no picture."""
SPAN = datetime.timedelta(days=14)
"""How far back the copies go."""
FEW, GOAL_MS, GOAL_MANY_MS = 1000, 150, 250
"""Up to so many executions, the first goal holds for each page, and then the second."""
GOAL_MIB = 150
GOAL_LIVE_S = GOAL_COMMAND_S = 1
COMMANDS = (
    ("ls",), ("ls", "--prefix", "uploads/photo-0001"), ("cost",), ("status",), ("show", "KEY"),
)  # fmt: skip


def photo(number: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (640, 480), (number % 256, 90, 120)).save(out, "JPEG")
    return out.getvalue()


def fill(engine: Engine, count: int) -> str:
    """Have so many executions, and return the name of the newest that is whole."""
    at = engine.deployment
    real = min(count, REAL)
    for number in range(real):
        key = f"uploads/photo-{number:05}.jpg"
        body = b"no picture" if number % BROKEN == 1 else photo(number)
        at.s3.put_object(Bucket=at.source_bucket_name, Key=key, Body=body)
    while sum(each["status"] != "RUNNING" for each in listed(engine)) < real:
        time.sleep(0.1)  # not until the engine is idle: the summary of the failures comes later
    state = EngineState(at.region, engine.inbox, engine.router)
    held: dict[str, list[Entry]] = {"definition": [], "execution": [], "message": []}
    for each in state.held():
        if each.key[0] in held and (entry := each.entry()) is not None:
            held[each.key[0]].append(entry)
    originals = [e for e in held["execution"] if e.document["machine"] == at.state_machine_arn]
    list(state.restore(held["definition"]))
    step = SPAN / count
    for number, original in zip(range(real, count), itertools.cycle(originals), strict=False):
        about = [e for e in held["message"] if original.name in json.dumps(e.document)]
        for _ in state.restore(copies(original, about, number, step * number)):
            pass
    return next(each["name"] for each in listed(engine) if each["status"] == "SUCCEEDED")


def listed(engine: Engine) -> list[Any]:
    """Return the newest executions, as the API lists them."""
    at = engine.deployment
    said = at.stepfunctions.list_executions(stateMachineArn=at.state_machine_arn, maxResults=REAL)
    return said["executions"]


def copies(
    original: Entry, about: list[Entry], number: int, earlier: datetime.timedelta
) -> Iterator[Entry]:
    """Yield an execution and its messages again, with another name, key and time."""
    key = json.loads(original.document["input"])["detail"]["object"]["key"]
    names = {original.document["name"]: str(uuid.uuid4()), key: f"uploads/photo-{number:05}.jpg"}

    def renamed(text: str) -> str:
        for old, new in names.items():
            text = text.replace(old, new)
        return text

    for each in (original, *about):
        document: dict[str, Any] = json.loads(renamed(json.dumps(each.document)))
        for name in {"started", "stopped", "time"} & set(document):
            document[name] = back(document[name], earlier)
        if document.get("line"):
            line = json.loads(document["line"])
            for name in ("started", "stopped"):
                line["listed"][name] = back(line["listed"][name], earlier)
            document["line"] = json.dumps(line)
        for event in document.get("events", ()):
            event["timestamp"] = back(event["timestamp"], earlier)
        yield Entry(each.kind, renamed(each.name), document)


def back(text: str, earlier: datetime.timedelta) -> str:
    """Return a time in the form that it has, but earlier."""
    moved = (datetime.datetime.fromisoformat(text) - earlier).isoformat(timespec="milliseconds")
    return moved.replace("+00:00", "Z") if text.endswith("Z") else moved


def timed(session: requests.Session, address: str) -> tuple[float, float]:
    """Return the milliseconds that an answer took, by the clock and of the processor."""
    began, worked = time.perf_counter(), time.process_time()
    session.get(address, headers={"accept": "text/html"}, timeout=60).raise_for_status()
    return 1000 * (time.perf_counter() - began), 1000 * (time.process_time() - worked)


def pages(name: str) -> dict[str, str]:
    """Return the address of each page, by what it shows."""
    one = f"/executions/{name}"
    return {
        "overview": "/start",
        "executions": "/",
        "… filtered by status": "/?status=FAILED",
        "… filtered by image": "/?image=photo-00004",
        "… searched": "/?match=photo-0001",
        "one execution": one,
        "its events": f"{one}/events",
        "its re-run": f"{one}/rerun",
        "inbox": "/inbox",
        "presets": "/presets",
    }


def first(engine: Engine, path: str) -> tuple[float, float]:
    """Return what the first answer of a console takes, which begins at this moment."""
    with serving(engine.deployment, engine.inbox, 0) as base, requests.Session() as session:
        asked = urlsplit(urljoin(base, path))
        query = "&".join(filter(None, (asked.query, urlsplit(base).query)))  # with the token
        return timed(session, urlunsplit(asked._replace(query=query)))


def measure(engine: Engine, name: str, rounds: int) -> Iterator[tuple[str, tuple[float, ...]]]:
    """Yield what each page takes: first and later by the clock, and of the processor."""
    firsts = {page: first(engine, path) for page, path in pages(name).items()}
    with serving(engine.deployment, engine.inbox, 0) as base, requests.Session() as session:
        timed(session, base)  # its token becomes a cookie
        for page, path in pages(name).items():
            timed(session, urljoin(base, path))
            later = [timed(session, urljoin(base, path)) for _ in range(rounds)]
            times, works = map(sorted, zip(*later, strict=True))
            yield page, (
                firsts[page][0], statistics.median(times), times[int(0.95 * (rounds - 1))],
                firsts[page][1], statistics.median(works),
            )  # fmt: skip


def live(engine: Engine, rounds: int) -> list[float]:
    """Return the seconds from an upload until an open list shows it, in order."""
    at, found = engine.deployment, []
    with serving(at, engine.inbox, 0) as base, requests.Session() as session:
        timed(session, base)
        stream = urljoin(base, "/live/executions")
        with session.get(stream, stream=True, timeout=60) as answer:
            lines = answer.iter_lines(chunk_size=None)
            shown(lines, "")  # the list as it is
            for number in range(rounds):
                key = f"uploads/live-{number}.jpg"
                began = time.perf_counter()
                at.s3.put_object(Bucket=at.source_bucket_name, Key=key, Body=photo(number))
                shown(lines, key.rpartition("/")[2])
                found.append(time.perf_counter() - began)
    return sorted(found)


def shown(lines: Iterator[bytes], text: str) -> None:
    """Read server-sent events until the list has a text in it."""
    for line in lines:
        if line.startswith(b"data: ") and text in json.loads(line[6:]).get("list", ""):
            return
    raise AssertionError("The stream has ended.")


@contextmanager
def announced(engine: Engine) -> Iterator[None]:
    """Have commands find this engine, and leave alone what they remember of others."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["DARKROOM_HOME"] = home
        at = engine.deployment
        with address.announced(
            address.Address(engine.endpoint, at.stack, os.getpid(), engine.keys.secret)
        ):
            yield


def darkroom(*words: str) -> list[str]:
    """Return a command as a shell runs it."""
    return [sys.executable, "-m", "darkroom_ops.cli.entry", *words]


def children() -> float:
    """Return the seconds of the processor that commands have taken so far."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def console_memory(name: str) -> float:
    """Return the MiB of a console in a process of its own, once it has shown every page."""
    with subprocess.Popen(
        darkroom("console", "--json"), cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            base = json.loads(next(process.stdout))["console"]
            paths = [path for page, path in pages(name).items() if page != "inbox"]
            with requests.Session() as session:
                timed(session, base)
                for path in paths:
                    timed(session, urljoin(base, path))
                for part in ("source", "thumbnail", "document"):
                    session.get(urljoin(base, f"/executions/{name}/pictures/{part}"), timeout=60)
            return float(psutil.Process(process.pid).memory_info().rss) / 2**20
        finally:
            process.terminate()


def main() -> None:
    """Measure, and print what was found beside its goal."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n\n")[0])
    parser.add_argument("--executions", type=int, default=FEW)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    goal = GOAL_MS if given.executions <= FEW else GOAL_MANY_MS
    with Engine(ROOT / "template.yaml") as engine, announced(engine):
        began = time.monotonic()
        name = fill(engine, given.executions)
        print(f"{given.executions} executions in {time.monotonic() - began:.0f} s\n")
        heads = ("first", "median", "95 %", "CPU first", "CPU later")
        print(f"{'page':<22}{''.join(map('{:>11}'.format, heads))}   (ms; the goal is {goal})")
        for page, figures in measure(engine, name, given.rounds):
            print(f"{page:<22}{''.join(map('{:>11.0f}'.format, figures))}")
        times = live(engine, given.rounds)
        print(
            f"\nFrom an upload until an open list shows it: {statistics.median(times):.2f} s, at "
            f"most {times[-1]:.2f} (the goal is {GOAL_LIVE_S}).\n"
        )
        for words in COMMANDS:
            typed = [name if word == "KEY" else word for word in words]
            began, spent = time.monotonic(), children()
            subprocess.run(darkroom(*typed), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            took = time.monotonic() - began
            print(
                f"darkroom {' '.join(words)}: {took:.2f} s, {children() - spent:.2f} of its own "
                f"processor time (the goal is {GOAL_COMMAND_S} with {FEW:,} executions)"
            )
        mib = console_memory(name)
        print(f"\nThe console alone: {mib:.0f} MiB (the goal is {GOAL_MIB}).")


if __name__ == "__main__":
    main()
