"""Chaos: uploads, duplicates, stale events and re-uploads, while environments die and AWS errs."""

from __future__ import annotations

import contextlib
import datetime
import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psutil

from darkroom_ops.audit.evidence import StackEvidence
from darkroom_ops.audit.findings import Auditor, Finding
from darkroom_ops.engine import Engine
from tests.support.images import photo, truncated
from tests.support.service_faults import RandomFaults

LATE_SECONDS = 2.0
"""By how much an event may be late, and so overtaken by others."""


@dataclass(frozen=True)
class Plan:
    """How rough it gets.

    Parameters
    ----------
    seed
        Of all random choices.
    uploads
        How many keys are uploaded to.
    again
        The share of keys that get a second upload while the first may still run.
    duplicates
        The share of events that come twice.
    late
        The share of events that are late.
    corrupt
        The share of uploads that are broken files.
    trouble
        The share of AWS calls that fail.
    kill_seconds
        The longest pause between two kills of an environment.
    """

    seed: int
    uploads: int
    again: float = 0.2
    duplicates: float = 0.3
    late: float = 0.3
    corrupt: float = 0.15
    trouble: float = 0.05
    kill_seconds: float = 4.0


@dataclass
class Aftermath:
    """What was left when all was quiet again."""

    findings: list[Finding]
    outcomes: Counter[str]
    errors: Counter[str]
    faults: Counter[str]
    kills: int
    events: Counter[str] = field(default_factory=Counter)

    def report(self) -> str:
        """Return it in words."""
        parts = {
            "outcomes": self.outcomes,
            "errors": self.errors,
            "events": self.events,
            "faults": self.faults,
        }
        lines = [f"{name}: {dict(counts.most_common())}" for name, counts in parts.items()]
        return "\n".join([*lines, f"environments killed: {self.kills}", *map(str, self.findings)])


class Chaos:
    """A rough time for an engine.

    Parameters
    ----------
    engine
        What suffers.
    plan
        How.
    """

    def __init__(self, engine: Engine, plan: Plan) -> None:
        self._engine = engine
        self._plan = plan
        self._random = random.Random(plan.seed)
        self._prefix = f"{engine.deployment.source_prefix}chaos-{plan.seed}/"
        self._timers: list[threading.Timer] = []
        self._adding = threading.Lock()
        self._events: Counter[str] = Counter()
        self._quiet = threading.Event()
        self._kills = 0

    def run(self, seconds: float) -> Aftermath:
        """Let it happen, wait until all is quiet, and audit.

        Parameters
        ----------
        seconds
            How long the executions may take.
        """
        engine, plan = self._engine, self._plan
        inject_fault = RandomFaults(plan.seed, plan.trouble)
        put = engine.router.put
        engine.router.put = self._shaken(put)  # type: ignore[method-assign]
        engine.inject_fault = inject_fault
        killer = threading.Thread(target=self._kill, daemon=True)
        killer.start()
        try:
            self._upload()
            quiet = self._settle(seconds)
        finally:
            self._quiet.set()
            killer.join()
            engine.router.put = put  # type: ignore[method-assign]
            engine.inject_fault = None
        assert quiet, f"executions still ran after {seconds:.0f} s"
        return self._aftermath(inject_fault)

    def _settle(self, seconds: float) -> bool:
        """Wait until no event is late, none waits and nothing runs; False when time runs out."""
        while True:
            with self._adding:
                known = list(self._timers)
            for timer in known:
                timer.join()
            if not self._engine.wait_idle(seconds):
                return False
            if len(known) == len(self._timers):  # else an execution's end is late
                return True

    def _upload(self) -> None:
        at, plan = self._engine.deployment, self._plan
        keys = [f"{self._prefix}{number}.jpg" for number in range(plan.uploads)]
        keys += [key for key in keys if self._random.random() < plan.again]
        self._random.shuffle(keys)
        for number, key in enumerate(keys):
            broken = self._random.random() < plan.corrupt
            # Every upload differs, so that outputs of two of them can be told apart.
            data = truncated() if broken else photo(160 + number % 100, 120 + number // 100)
            at.s3.put_object(Bucket=at.source_bucket_name, Key=key, Body=data)
            self._events["uploads"] += 1

    def _shaken(self, put: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
        """Return what delivers events as EventBridge may: twice, late, in another order."""

        def deliver(event: dict[str, Any]) -> None:
            twice = self._random.random() < self._plan.duplicates
            self._events["duplicates"] += twice
            for _ in range(1 + twice):
                if self._random.random() < self._plan.late:
                    self._events["late"] += 1
                    timer = threading.Timer(self._random.random() * LATE_SECONDS, put, [event])
                    with self._adding:  # one that is known was started, and can be joined
                        self._timers.append(timer)
                        timer.start()
                else:
                    put(event)

        return deliver

    def _kill(self) -> None:
        """Kill an environment now and then, in the middle of its work.

        Not those of Notify: between publishing and marking, it would have to publish once more,
        as SNS's topics deliver at least once.
        """
        notify = self._engine.deployment.notify_function_name
        # The first as soon as there is somebody to kill, however quickly it is all over.
        while not self._quiet.wait(
            self._random.random() * self._plan.kill_seconds if self._kills else 0.02
        ):
            busy = sorted(self._engine.functions._busy.copy(), key=lambda each: each.process.pid)
            if not busy:
                continue
            worker = self._random.choice(busy)
            if worker.function == notify:
                continue
            with contextlib.suppress(psutil.Error):
                psutil.Process(worker.process.pid).kill()
                self._kills += 1

    def _aftermath(self, inject_fault: RandomFaults) -> Aftermath:
        engine, at = self._engine, self._engine.deployment
        auditor = Auditor(
            StackEvidence(at),
            since=datetime.datetime.now(datetime.UTC),
            prefix=self._prefix,
            executions=True,
            messages=engine.inbox.per_execution,
        )
        findings = list(auditor.findings())
        outcomes: Counter[str] = Counter()
        errors: Counter[str] = Counter()
        pages = at.stepfunctions.get_paginator("list_executions")
        for page in pages.paginate(stateMachineArn=at.state_machine_arn):
            for listed in page["executions"]:
                run = at.stepfunctions.describe_execution(executionArn=listed["executionArn"])
                if self._prefix not in run["input"]:
                    continue
                output = json.loads(run.get("output") or "{}")
                outcomes[output.get("outcome", run["status"])] += 1
                if run["status"] != "SUCCEEDED":
                    errors[run.get("error", run["status"])] += 1
        return Aftermath(findings, outcomes, errors, inject_fault.counts, self._kills, self._events)
