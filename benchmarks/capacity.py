"""Which quota binds first, at 1, 100, 1,000 and 10,000 images a second: a small simulation.

Run as ``python -m benchmarks.capacity``; ``--seconds`` and ``--rates`` change what arrives. No AWS
account is needed, and nothing is measured: the durations come from ``benchmarks/memory.py`` when it
has run, else from below, and the quotas are AWS's defaults for us-east-1.

Each tick, images arrive, take what they need of every quota, and wait where there is none left: an
event that cannot start an execution waits in EventBridge (or in the buffer), an execution that
cannot enter a state or call a function waits for its retry. Reported is what was asked for as a
share of each quota, how many images wait for their start, and the last one's time to its end.
"""

from __future__ import annotations

import argparse
import json
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MEASURED = ROOT / "benchmarks" / "results" / "memory.json"

TICK = 0.05
RATES = (1, 100, 1_000, 10_000)


@dataclass(frozen=True)
class Stage:
    """A part of the workflow: what one image takes in it, all at once, and for how long."""

    name: str
    seconds: float
    transitions: int
    concurrency: int = 0
    reads: int = 0
    writes: int = 0
    records: int = 0
    publications: int = 0


def stages() -> list[Stage]:
    """Return the workflow, with measured durations if there are any."""
    took = {"prepare": 0.30, "resize": 0.13, "pdf": 0.12, "backup": 0.15}
    if MEASURED.exists():
        modelled = json.loads(MEASURED.read_text())["modelled"]
        memory = {"prepare": "1769", "resize": "1024", "pdf": "1024", "backup": "512"}
        took = {step: modelled[step][size]["seconds"] for step, size in memory.items()}
    archive = max(took["pdf"], took["backup"])
    return [
        Stage("ClaimImage", 0.03, 1, records=1),
        Stage("Prepare", took["prepare"], 1, concurrency=1, reads=3, writes=2),
        Stage("ResizeImages", took["resize"], 4, concurrency=3, reads=6, writes=3),
        Stage("Archive", archive, 3, concurrency=2, reads=4, writes=2),
        Stage("RecordResult", 0.03, 1, records=2),
        Stage("NotifySuccess", 0.12, 1, concurrency=1, records=3, publications=1),
    ]


@dataclass
class Quota:
    """A quota that refills: so much a second, and a bucket for bursts; or so much at a time.

    Parameters
    ----------
    name
        As AWS names it.
    per_second
        Refill, or None for a number that is taken and given back.
    size
        The bucket's size, or the number.
    """

    name: str
    per_second: float | None
    size: float
    left: float = field(init=False)
    asked: float = 0.0

    def __post_init__(self) -> None:
        self.left = self.size

    def refill(self) -> None:
        """Give back what a tick gives back."""
        if self.per_second is not None:
            self.left = min(self.size, self.left + self.per_second * TICK)


def quotas(workflow: str) -> dict[str, Quota]:
    """Return the defaults of us-east-1 (each service's page on quotas, 2026-11-21)."""
    express = workflow == "EXPRESS"
    start = (6_000, 6_000) if express else (300, 1_300)
    found = [
        Quota("EventBridge invocations", 18_750, 18_750),
        Quota("StartExecution", *start),
        Quota("state transitions", 1e12 if express else 5_000, 1e12 if express else 5_000),
        Quota("Lambda concurrency", None, 1_000),
        # Each upload prefix of a bucket; the work bucket's hashed keys spread by themselves.
        Quota("S3 writes of a prefix", 3_500, 3_500),
        Quota("S3 reads of a prefix", 5_500, 5_500),
        Quota("DynamoDB writes of the table", 40_000, 40_000),
        Quota("SNS publications", 30_000, 30_000),
    ]
    return {each.name: each for each in found}


@dataclass
class Result:
    """What one run showed."""

    demand: dict[str, float]
    first: str
    waiting: float
    seconds: float


def simulate(rate: float, seconds: float, workflow: str, flow: list[Stage]) -> Result:
    """Let images arrive at a rate for some seconds.

    Returns
    -------
    Result
        Demand as a share of each quota, the one that binds first, images that wait for a start at
        the end, and the time of the last image that finished.
    """
    pool = quotas(workflow)
    waiting: deque[list[float]] = deque()  # [arrived, how many]
    queues: list[deque[list[float]]] = [deque() for _ in flow]
    running: list[deque[tuple[float, float, float]]] = [deque() for _ in flow]
    last, now = 0.0, 0.0
    while now < seconds:
        for quota in pool.values():
            quota.refill()
        waiting.append([now, rate * TICK])
        while waiting and (n := min(waiting[0][1], _left(pool, "StartExecution", 1))) > 1e-9:
            pool["StartExecution"].left -= n
            queues[0].append([waiting[0][0], n])
            waiting[0][1] -= n
            if waiting[0][1] <= 1e-9:
                waiting.popleft()
        for at, stage in enumerate(flow):
            while running[at] and running[at][0][0] <= now:
                _, arrived, n = running[at].popleft()
                pool["Lambda concurrency"].left += n * stage.concurrency
                if at + 1 < len(flow):
                    queues[at + 1].append([arrived, n])
                else:
                    last = now - arrived
        for at in reversed(range(len(flow))):  # what is further on goes first
            _enter(flow[at], queues[at], running[at], pool, now)
        now += TICK
    demand = _demand(rate, flow, pool)
    first = max(demand, key=lambda name: demand[name])
    return Result(demand, first, sum(n for _, n in waiting), last)


def _enter(
    stage: Stage,
    queue: deque[list[float]],
    running: deque[tuple[float, float, float]],
    pool: dict[str, Quota],
    now: float,
) -> None:
    """Let as many of a stage's queue in as the quotas allow."""
    needs = _needs(stage)
    while queue:
        n = min([queue[0][1], *(_left(pool, name, each) for name, each in needs.items())])
        if n <= 1e-9:
            return
        for name, each in needs.items():
            pool[name].left -= n * each
        running.append((now + stage.seconds, queue[0][0], n))
        queue[0][1] -= n
        if queue[0][1] <= 1e-9:
            queue.popleft()


def _needs(stage: Stage) -> dict[str, float]:
    needs = {
        "state transitions": stage.transitions,
        "Lambda concurrency": stage.concurrency,
        "S3 writes of a prefix": stage.writes,
        "S3 reads of a prefix": stage.reads,
        "DynamoDB writes of the table": stage.records,
        "SNS publications": stage.publications,
    }
    return {name: each for name, each in needs.items() if each}


def _left(pool: dict[str, Quota], name: str, each: float) -> float:
    return pool[name].left / each


def _demand(rate: float, flow: list[Stage], pool: dict[str, Quota]) -> dict[str, float]:
    """Return what the rate asks for in the long run, as a share of each quota."""
    asked = dict.fromkeys(pool, 0.0)
    asked["EventBridge invocations"] = asked["StartExecution"] = rate
    for stage in flow:
        for name, each in _needs(stage).items():
            held = stage.seconds if name == "Lambda concurrency" else 1.0
            asked[name] += rate * each * held
    return {name: asked[name] / (pool[name].per_second or pool[name].size) for name in pool}


def main() -> None:
    """Print a table for each workflow type."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=120.0, help="how long images arrive (120)")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, help="images a second")
    options = parser.parse_args()
    flow = stages()
    for workflow in ("STANDARD", "EXPRESS"):
        print(f"\n{workflow}, {options.seconds:.0f} s\n")
        names = list(quotas(workflow))
        print(
            f"| images a second | {' | '.join(names)} | binds first | wait to start | last took |"
        )
        print(f"|--:|{'--:|' * len(names)}---|--:|--:|")
        for rate in options.rates:
            found = simulate(rate, options.seconds, workflow, flow)
            shares = " | ".join(f"{found.demand[name]:.1%}" for name in names)
            first = found.first if found.demand[found.first] > 1 else "none"
            took = f"{found.seconds:.1f} s"
            print(f"| {rate:,.0f} | {shares} | {first} | {found.waiting:,.0f} | {took} |")


if __name__ == "__main__":
    main()
