"""The demo: real photos through the real state machine, and what came of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.rule import Rule
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from darkroom_ops.cli import display
from darkroom_ops.executions import cost
from darkroom_ops.executions.cost import Cost
from darkroom_ops.executions.model import Execution
from darkroom_ops.executions.watch import Watcher, fetch
from darkroom_ops.home import PROJECT
from darkroom_ops.present import words
from darkroom_ops.present.failures import WrongUse

if TYPE_CHECKING:
    from darkroom_ops.engine.engine import Engine
    from darkroom_ops.engine.inbox import Message

SAMPLES = PROJECT / "samples"

POLL_SECONDS = 0.2

GIVE_UP_SECONDS = 120.0

CORRUPT_BYTES = 200_000
"""How much of the photo the corrupt file keeps."""

SUMMARY = "summary.json"


@dataclass
class Sample:
    """One event of the demo, what is expected of it, and what became of it."""

    name: str  # of the file, and the key's last part
    what: str  # it shows
    outcome: str = "COMPLETE"
    error: str | None = None
    width: int = 300  # of its rendition `small`
    height: int = 300
    suffix: str = ".jpg"  # of its renditions' keys
    execution: Execution | None = None
    cost: Cost | None = None

    def problems(self) -> Iterator[str]:
        """Yield what is not as expected."""
        execution = self.execution
        if execution is None or not execution.ended:
            yield f"{self.name}: no execution ended in {GIVE_UP_SECONDS:.0f} s"
            return
        if (execution.outcome, execution.error) != (self.outcome, self.error):
            yield (
                f"{self.name}: expected {self.outcome} {self.error or ''}, but it ended "
                f"{execution.outcome} {execution.error or ''} ({execution.cause or 'no cause'})"
            )
        elif self.outcome == "COMPLETE":
            yield from self._wrong_renditions(execution)

    def _wrong_renditions(self, execution: Execution) -> Iterator[str]:
        made = {each.name: each for each in execution.renditions}
        if set(made) != {"small", "medium", "large"} or execution.document is None:
            yield f"{self.name}: expected small, medium, large and a PDF, but got {sorted(made)}"
            return
        if any(not each.key.endswith(self.suffix) for each in made.values()):
            yield f"{self.name}: expected {self.suffix} renditions, but got {made['small'].key}"
        size = (made["small"].width, made["small"].height)
        if size != (self.width, self.height):
            yield (
                f"{self.name}: expected small to be {self.width} x {self.height}, but it is "
                f"{size[0]} x {size[1]}"
            )


def samples() -> list[Sample]:
    """Return what the demo uploads, in order."""
    return [
        Sample("dandelions.jpg", "16 megapixels", height=169),
        Sample("deep-field.jpg", "from a telescope", height=262),
        Sample("rocket.jpg", "a small photo", height=200),
        Sample("phone-portrait.jpg", "sideways from a phone", width=225),
        Sample("coffee-cutout.png", "transparent, so WebP", height=276, suffix=".webp"),
        Sample("corrupt.jpg", "its end is missing", outcome="FAILED", error="CorruptImage"),
        Sample("rocket.jpg", "the same event again", outcome="ALREADY_PROCESSED"),
    ]


@dataclass
class Demo:
    """A demo under way."""

    engine: Engine
    screen: Console
    samples: list[Sample] = field(default_factory=samples)  # the last: the third's event, again

    def upload(self) -> None:
        """Upload every sample but the duplicate, whose event is sent later."""
        deployment = self.engine.deployment
        for sample in self.samples[:-1]:
            deployment.s3.put_object(
                Bucket=deployment.source_bucket_name,
                Key=deployment.source_prefix + sample.name,
                Body=content(sample),
            )

    def repeat(self, event: dict[str, Any]) -> None:
        """Send an event a second time, as S3 and EventBridge may."""
        self.engine.router.put(event)

    def follow(self, stopped: Iterator[bool]) -> None:
        """Follow every execution to its end; the duplicate's event is sent on the way."""
        deployment = self.engine.deployment
        client = deployment.stepfunctions
        watcher = Watcher(client, deployment.state_machine_arn)
        repeated = False
        with _Board(self.screen, self.samples) as board:
            for stop in stopped:
                for execution in watcher.poll():
                    self._place(execution)
                for sample in self.samples:
                    known = sample.execution
                    if known is not None and (not known.ended or not known.states):
                        sample.execution = fetch(client, known.arn)
                board.show()
                original, copy = self._twice()
                if not repeated and original.execution and original.execution.ended:
                    repeated = True
                    self.repeat(original.execution.input)
                if stop or (copy.execution is not None and all(map(_over, self.samples))):
                    return

    def _twice(self) -> tuple[Sample, Sample]:
        """Return the sample whose event comes twice, and its second coming."""
        copy = self.samples[-1]
        return next(each for each in self.samples if each.name == copy.name), copy

    def _place(self, execution: Execution) -> None:
        """Give an execution to the sample whose event started it."""
        if execution.source is None:
            return
        name = execution.source.key.rpartition("/")[2]
        for sample in self.samples:
            if sample.name == name and (
                sample.execution is None or sample.execution.arn == execution.arn
            ):
                sample.execution = execution
                return

    def estimate(self) -> None:
        """Estimate what each execution would have cost on AWS."""
        deployment = self.engine.deployment
        memory = cost.Memory(lambda: deployment.lambda_)
        for sample in self.samples:
            if sample.execution is not None:
                sample.cost = cost.estimate(sample.execution, memory)

    def problems(self) -> list[str]:
        """Return what is not as expected, messages included."""
        problems = [problem for sample in self.samples for problem in sample.problems()]
        for sample in self.samples:
            expected = {"COMPLETE": 1, "FAILED": 1}.get(sample.outcome, 0)
            for protocol in ("email", "sms"):
                received = len(self.messages(sample, protocol))
                if received != expected:
                    problems.append(
                        f"{sample.name} ({sample.what}): expected {expected} {protocol}, but "
                        f"{received} came"
                    )
        return problems

    def messages(self, sample: Sample, protocol: str) -> list[Message]:
        """Return the messages about a sample's execution."""
        if sample.execution is None:
            return []
        return self.engine.inbox.messages(protocol=protocol, execution=sample.execution.arn)

    def download(self, folder: Path) -> None:
        """Write what was made into a folder, under its keys."""
        s3 = self.engine.deployment.s3
        for sample in self.samples:
            for made in sample.execution.outputs if sample.execution else ():
                path = folder / made.key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(s3.get_object(Bucket=made.bucket, Key=made.key)["Body"].read())

    def summary(self, problems: Sequence[str], seconds: float) -> dict[str, Any]:
        """Return what ``summary.json`` holds."""
        return {
            "executions": [_summarised(sample) for sample in self.samples],
            "messages": [
                {
                    "topic": message.topic,
                    "protocol": message.protocol,
                    "recipient": message.recipient,
                    "as_received": message.as_received(),
                }
                for message in self.engine.inbox.messages()
            ],
            "prices": {"region": cost.PRICES.region, "date": cost.PRICES.date},
            "seconds": round(seconds, 3),
            "as_expected": not problems,
            "problems": list(problems),
        }


# ---------------------------------------------------------------------------- on the way


def check() -> None:
    """WrongUse says that there are no photos here."""
    if not SAMPLES.exists():
        raise WrongUse(
            f"Expected the demo's photos in {SAMPLES}, but only a clone of the project has them. "
            "Run `make demo` there, or take your own: `darkroom up`, and then in another terminal "
            "`darkroom run photo.jpg`."
        )


def content(sample: Sample) -> bytes:
    """Return the bytes of a sample."""
    if sample.error == "CorruptImage":
        return (SAMPLES / "deep-field.jpg").read_bytes()[:CORRUPT_BYTES]
    return (SAMPLES / sample.name).read_bytes()


def _over(sample: Sample) -> bool:
    return sample.execution is not None and sample.execution.ended


def empty(output: Path) -> None:
    """Make the folder anew, but never delete what is not the demo's.

    WrongUse says that it holds something else.
    """
    if output.is_dir() and any(output.iterdir()) and not (output / SUMMARY).is_file():
        raise WrongUse(
            f"Expected {output} to be an earlier demo's folder, which is made anew, but it holds "
            "other files. Choose another with --output."
        )
    if output.exists() and not output.is_dir():
        raise WrongUse(f"Expected {output} to be a folder, but it is a file.")
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)


class _Board(display.Board):
    """A line per sample: live on a terminal, printed once as each ends without one."""

    def __init__(self, screen: Console, samples: Sequence[Sample]) -> None:
        super().__init__(screen)
        self._samples = samples
        self._shown: set[int] = set()
        self._spinner = Spinner("dots")

    def show(self) -> None:
        """Show how far each is."""
        if self._live:
            self._live.update(self._table())
            return
        for index, sample in enumerate(self._samples):
            if _over(sample) and index not in self._shown:
                self._shown.add(index)
                self._screen.print(_progress_line(sample), soft_wrap=True)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0))
        for sample in self._samples:
            execution = sample.execution
            if execution is None:
                row: tuple[Any, ...] = (" ", sample.name, Text("waits", "dim"), "")
            elif execution.ended:
                row = (_mark(sample), sample.name, _outcome(sample), _time(sample))
            else:
                row = (self._spinner, sample.name, _where(execution), _time(sample))
            table.add_row(*row)
        return table


def _progress_line(sample: Sample) -> Text:
    text = Text("").append_text(_mark(sample))
    text.append(f" {sample.name:<20}").append_text(_outcome(sample))
    return text.append(f"  {_time(sample)}", "dim")


def _where(execution: Execution) -> Text:
    now = [
        f"{state.name} {state.rendition}" if state.rendition else state.name
        for state in execution.states
        if state.exited is None and state.type not in display.CONTAINERS
    ]
    return Text(", ".join(now) or "starts", "dim", no_wrap=True, overflow="ellipsis")


def _mark(sample: Sample) -> Text:
    good = not list(sample.problems())
    return Text(display.SUCCEEDED, "green") if good else Text(display.FAILED, "red")


def _outcome(sample: Sample) -> Text:
    execution = sample.execution
    outcome = (execution.outcome if execution else None) or "no end"
    text = Text(outcome.replace("_", " "), display.STYLES.get(outcome, ""))
    if execution and execution.error:
        text.append(f" {execution.error}", "default")
    return text


def _time(sample: Sample) -> str:
    return words.duration(sample.execution.seconds) if sample.execution else ""


# ---------------------------------------------------------------------------- at the end


def _summarised(sample: Sample) -> dict[str, Any]:
    execution = sample.execution
    if execution is None or sample.cost is None:
        return {"source": sample.name, "status": None, "outcome": None}
    summary = display.as_json(execution, sample.cost)
    summary["expected"] = sample.outcome
    summary["about"] = sample.what
    return summary


def report(running: Demo) -> Iterator[Any]:
    """Yield what came of it all, part by part."""
    yield Text("")
    yield _title("What became of each image")
    yield _executions(running.samples)
    yield _title("What was made")
    yield _outputs(running.samples)
    success = running.samples[0]
    failure = next(each for each in running.samples if each.outcome == "FAILED")
    for sample, title in ((success, "The success message"), (failure, "The alert")):
        for protocol, kind in (("email", "e-mail"), ("sms", "SMS")):
            for message in running.messages(sample, protocol)[:1]:
                yield _title(f"{title}, as {message.recipient} gets it by {kind}")
                yield Text(message.as_received() + "\n")


def _title(text: str) -> Group:
    return Group(Rule(Text(text, "bold"), align="left", style="dim"), Text(""))


def _table(*columns: tuple[str, str]) -> Table:
    table = display.borderless(2)
    for title, justify in columns:
        table.add_column(title, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    return table


def _executions(shown: Sequence[Sample]) -> Group:
    table = _table(
        ("", "left"), ("Image", "left"), ("Outcome", "left"), ("Time", "right"),
        ("Transitions", "right"), ("AWS cost*", "right"),
    )  # fmt: skip
    for sample in shown:
        execution, estimate = sample.execution, sample.cost
        if execution is None or estimate is None:
            table.add_row(_mark(sample), sample.name, _outcome(sample), "", "", "")
            continue
        table.add_row(
            _mark(sample), sample.name, _outcome(sample), _time(sample),
            str(execution.transitions), words.dollars(estimate.usd),
        )  # fmt: skip
        table.add_row("", Text(f"  {sample.what}", "dim"), "", "", "", "")
    complete = [s.cost.usd for s in shown if s.cost and s.outcome == "COMPLETE"]
    mean = sum(complete) / len(complete) if complete else 0.0
    note = Text(
        f"* Estimated with the prices of {cost.PRICES.region} on {cost.PRICES.date}: about "
        f"{words.dollars(mean * 1000)} for 1,000 images, before the free tier.\n",
        "dim",
    )
    return Group(table, Text(""), note)


def _outputs(shown: Sequence[Sample]) -> Group:
    table = _table(
        ("Image", "left"), ("Output", "left"), ("Pixels", "left"), ("Size", "right"),
        ("Saving", "right"),
    )  # fmt: skip
    for sample in shown:
        execution = sample.execution
        if execution is None or execution.image is None:
            continue
        image = execution.image
        table.add_row(
            sample.name, Text("original", "dim"), f"{image.width} x {image.height}",
            words.size(image.bytes), "",
        )  # fmt: skip
        for made in execution.outputs:
            table.add_row(
                "", made.key.rpartition("/")[2], words.measure(made), words.size(made.bytes),
                words.saving(made, image.bytes),
            )  # fmt: skip
    return Group(table, Text(""))


def show_verdict(screen: Console, output: Path, problems: Sequence[str], seconds: float) -> None:
    """Say whether all went as expected."""
    screen.print(Rule(style="dim"))
    screen.print(f"Renditions, PDFs and {SUMMARY} are in {output}/.", soft_wrap=True, markup=False)
    if not problems:
        text = Text("Every outcome is as expected", "bold green")
        screen.print(text.append(f", in {words.duration(seconds)}.", "default"))
        return
    screen.print(Text("Not as expected:", "bold red"))
    for problem in problems:
        screen.print(Text(f"  {problem}"), soft_wrap=True)
