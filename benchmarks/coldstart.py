"""What importing a handler costs, beside importing boto3 and making one S3 client.

Run by ``make bench-coldstart``. Every import happens in a fresh process, handlers and the yardstick
in turn, and medians are compared; a ratio holds on any machine, milliseconds do not.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import output
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parent.parent
GOAL = 1.25

YARDSTICK = "import boto3; boto3.client('s3', region_name='us-east-1')"

HEAVY = re.compile(r"^(PIL|pyvips|_libvips|pi_heif|resvg_py|numpy)$")
"""What no handler may load before it needs it."""

TIMED = """
import sys, time
start = time.perf_counter()
{code}
spent = time.perf_counter() - start
print(spent, *sorted(sys.modules))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=11, help="fresh processes for each (11)")
    options = parser.parse_args()
    handlers = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
    codes = {"boto3 + S3 client": YARDSTICK, **dict.fromkeys(handlers, "import app")}
    times: dict[str, list[float]] = {name: [] for name in codes}
    modules: dict[str, set[str]] = {}
    for _ in range(options.rounds + 1):  # the first round warms the disk cache and is dropped
        for name, code in codes.items():
            spent, loaded = _run(name, code)
            times[name].append(spent)
            modules[name] = loaded
    medians = {name: statistics.median(spent[1:]) for name, spent in times.items()}
    _report(medians, modules)


def _run(name: str, code: str) -> tuple[float, set[str]]:
    folder = ROOT / "functions" / name
    done = subprocess.run(
        [sys.executable, "-c", TIMED.format(code=code)],
        cwd=folder if folder.is_dir() else ROOT,
        env={**os.environ, **_settings()},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    spent, *loaded = done.stdout.split()
    return float(spent), set(loaded)


def _settings() -> dict[str, str]:
    """Return what the template puts into the functions' environments, with values that will do."""
    template = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    functions = [each["Properties"] for each in template["Resources"].values()]
    blocks = [each["Environment"] for each in functions if "Environment" in each]
    names = {name for block in blocks for name in block["Variables"]}
    return dict.fromkeys(names, "1") | {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_XRAY_SDK_ENABLED": "false",
        "POWERTOOLS_SERVICE_NAME": "darkroom",
        "POWERTOOLS_METRICS_NAMESPACE": "Darkroom",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "WORKFLOW_TYPE": "STANDARD",
    }


def _report(medians: dict[str, float], modules: dict[str, set[str]]) -> None:
    yardstick = next(iter(medians.values()))
    print(f"{'':20} {'ms':>6} {'ratio':>6}   loaded too early")
    for name, spent in medians.items():
        heavy = ", ".join(sorted(filter(HEAVY.match, modules[name]))) or "-"
        print(f"{name:20} {spent * 1e3:6.0f} {spent / yardstick:6.2f}   {heavy}")
    worst = max(spent / yardstick for spent in medians.values())
    print(f"\nWorst handler beside boto3 and one S3 client: {worst:.2f} (goal ≤ {GOAL})")
    figures = {
        "seconds": medians,
        "ratio": {name: round(spent / yardstick, 3) for name, spent in medians.items()},
        "worst_ratio": round(worst, 3),
    }
    output.write(figures, output.RESULTS / "coldstart.json")


if __name__ == "__main__":
    main()
