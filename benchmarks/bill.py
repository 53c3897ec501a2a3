"""The bill for many images, itemised: from measured durations and the dated price table.

Run as ``python benchmarks/bill.py`` after ``benchmarks/memory.py``, whose durations it uses. Prints
the tables of docs/cost.md. What an execution is billed for besides its durations (calls of S3,
DynamoDB and SNS, transitions) is that of ``ops/cost.py``, which counts it for single executions.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

from ops.cost import CALLS, PRICES

ROOT = Path(__file__).resolve().parent.parent
MEASURED = ROOT / "benchmarks" / "results" / "memory.json"

RENDITIONS = 3
TRANSITIONS = 11
STEPS = {
    "PrepareFunction": ("Prepare", "prepare", 1),
    "ResizeFunction": ("Resize", "resize", RENDITIONS),
    "MakePdfFunction": ("MakePdf", "pdf", 1),
    "BackupOriginalFunction": ("BackupOriginal", "backup", 1),
    "NotifyFunction": ("NotifySuccess", None, 1),
}
NOTIFY_SECONDS = 0.12
"""Assumed: two calls of DynamoDB at 10 ms, one of SNS at 40 ms, and BackupOriginal's CPU."""

COLD_STARTS = 0.02
COLD_SECONDS = 1.0
"""Assumed: one call in fifty starts cold, and Lambda bills the start too."""

CLAIM_AND_RECORD_UNITS = 3
"""The claim writes an item of less than 1 KB, the record one of less than 2 KB."""
ANNOUNCED_UNITS = 2

# What a single execution's estimate leaves out (the services' price pages, 2026-11-21, us-east-1).
S3_EVENT = 1.00 / 1_000_000
LOG_GB = 0.50
LOG_BYTES_A_CALL = 1_500
TRACE = 5.00 / 1_000_000
TRACED = 0.05

EXPRESS_REQUEST = 1.00 / 1_000_000
EXPRESS_GB_SECOND = 0.00001667
EXPRESS_GB = 64 / 1024
EXPRESS_SECONDS_BESIDES = 0.3
EXPRESS_LOG_BYTES = 60 * 400
"""Events of one image's execution, each without its data (Level ALL)."""


@dataclass(frozen=True)
class Line:
    """One line of the bill for one image."""

    what: str
    quantity: float
    unit: str
    usd: float
    around: bool = False  # not the processing, but what tells of it


def lines(workflow: str) -> list[Line]:
    """Return what one image costs on a workflow type, ``STANDARD`` or ``EXPRESS``."""
    modelled = json.loads(MEASURED.read_text())["modelled"]
    memory = _memory()
    gb_seconds = critical = calls = 0.0
    for function, (_, step, times) in STEPS.items():
        seconds = modelled[step][str(memory[function])]["seconds"] if step else NOTIFY_SECONDS
        gb_seconds += times * memory[function] / 1024 * (seconds + COLD_STARTS * COLD_SECONDS)
        critical += seconds if function != "BackupOriginalFunction" else 0  # beside MakePdf
        calls += times
    made = [CALLS[state] for state, _, times in STEPS.values() for _ in range(times)]
    puts, gets = sum(each.puts for each in made), sum(each.gets for each in made)
    units = CLAIM_AND_RECORD_UNITS + ANNOUNCED_UNITS
    found = [
        Line("Lambda time", gb_seconds, "GB-s", gb_seconds * PRICES.lambda_gb_second),
        Line("Lambda requests", calls, "requests", calls * PRICES.lambda_request),
        Line("S3 writes and copies", puts, "PUT", puts * PRICES.s3_put),
        Line("S3 reads", gets, "GET", gets * PRICES.s3_get),
        Line("DynamoDB", units, "write units", units * PRICES.dynamodb_write),
        Line("SNS publication", 1, "request", PRICES.sns_publish),
        Line("S3's event", 1, "event", S3_EVENT, around=True),
        _logs("Logs of functions", calls * LOG_BYTES_A_CALL),
        Line("Traces", TRACED, "trace", TRACED * TRACE, around=True),
    ]
    if workflow == "STANDARD":
        price = TRANSITIONS * PRICES.transition
        return [Line("Step Functions", TRANSITIONS, "transitions", price), *found]
    seconds = math.ceil((critical + EXPRESS_SECONDS_BESIDES) * 10) / 10
    used = EXPRESS_REQUEST + seconds * EXPRESS_GB * EXPRESS_GB_SECOND
    logs = _logs("Logs of the workflow", EXPRESS_LOG_BYTES)
    return [Line("Step Functions", seconds, "s at 64 MB", used), *found, logs]


def _logs(what: str, size: float) -> Line:
    return Line(what, size / 1000, "KB", size / 1e9 * LOG_GB, around=True)


def _memory() -> dict[str, int]:
    resources = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
    return {name: resources[name]["Properties"]["MemorySize"] for name in STEPS}


def main() -> None:
    """Print both bills, in US dollars."""
    print(f"Prices of {PRICES.region}, {PRICES.date}, in US dollars.")
    for workflow in ("STANDARD", "EXPRESS"):
        found = lines(workflow)
        print(f"\n{workflow}\n\n| what | an image | 1,000 images | 1,000,000 images |")
        print("|---|--:|--:|--:|")
        processing = [each for each in found if not each.around]
        _print(processing)
        _print_sum("processing", processing)
        _print([each for each in found if each.around])
        _print_sum("all", found)
        email = Line("an e-mail for each image, if wanted", 1, "e-mail", PRICES.sns_email)
        _print([email])


def _print(found: list[Line]) -> None:
    for each in found:
        thousand, million = f"{each.usd * 1e3:.4f}", f"{each.usd * 1e6:.2f}"
        print(f"| {each.what} | {each.quantity:.3g} {each.unit} | {thousand} | {million} |")


def _print_sum(what: str, found: list[Line]) -> None:
    total = math.fsum(each.usd for each in found)
    print(f"| **{what}** | | **{total * 1e3:.4f}** | **{total * 1e6:.2f}** |")


if __name__ == "__main__":
    main()
