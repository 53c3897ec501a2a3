"""Pictures of every page of the console, for the documents and for looking at.

Run by ``make screenshots``. A real engine processes the samples; Chromium shows what came of them.
``ARGS="--page inbox --folder build"`` takes one page, and leaves the documents as they are.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from darkroom_ops.console.serve import serving
from darkroom_ops.engine import Engine
from darkroom_ops.engine.stepfunctions.task_faults import Fault
from tests.browser.conftest import ARGUMENTS, CHROMIUM, signed_in

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"
FOLDER = ROOT / "docs/screenshots"
DESK, PHONE = {"width": 1320, "height": 1180}, {"width": 390, "height": 844}
COLOURS = 256
"""A palette keeps each picture small enough to be looked at in a repository."""

LOADED = """Promise.allSettled(
  [...document.images].filter((image) => image.loading !== "lazy").map((image) => image.decode())
)"""


@dataclass(frozen=True)
class Shot:
    """A picture to take.

    Parameters
    ----------
    name
        Of the file.
    path
        Of the page.
    ready
        What must be seen before.
    height
        Of the window on a desk, in pixels.
    part
        What to take of the page, as a selector, twice as sharp; if None, all that the window shows.
    """

    name: str
    path: str
    ready: str
    height: int = 1180
    part: str | None = None


def process(engine: Engine) -> dict[str, str]:
    """Upload the samples and some that fail; return the executions by the name of their image."""
    at = engine.deployment
    bucket, prefix = at.source_bucket_name, at.source_prefix
    for path in sorted(SAMPLES.glob("*.[jp][pn]g")):
        at.s3.put_object(Bucket=bucket, Key=prefix + path.name, Body=path.read_bytes())
    corrupt = (SAMPLES / "deep-field.jpg").read_bytes()[:200_000]
    at.s3.put_object(Bucket=bucket, Key=f"{prefix}corrupt.jpg", Body=corrupt)
    engine.wait_idle(300)
    engine.faults.inject(Fault("Resize", "StorageError", "S3 is slow down", times=2))
    rocket = (SAMPLES / "rocket.jpg").read_bytes()
    at.s3.put_object(Bucket=bucket, Key=f"{prefix}retried.jpg", Body=rocket)
    engine.wait_idle(300)
    found = {}
    client = at.stepfunctions
    for each in client.list_executions(stateMachineArn=at.state_machine_arn)["executions"]:
        text = client.describe_execution(executionArn=each["executionArn"])["input"]
        name = text.partition(f'"key": "{prefix}')[2] or text.partition(f'"key":"{prefix}')[2]
        found[name.partition('"')[0]] = each["name"]
    return found


def shots(found: dict[str, str]) -> Iterator[Shot]:
    whole, failed = f"/executions/{found['dandelions.jpg']}", f"/executions/{found['corrupt.jpg']}"
    yield Shot("executions", "/", "#list img", 900)
    yield Shot("execution", whole, "#graph svg", 1280)
    yield Shot("workflow", whole, "#graph svg", 1280, part="#graph svg")
    yield Shot("failed", failed, "#graph svg", 1280)
    yield Shot("retried", f"/executions/{found['retried.jpg']}", "#graph svg", 1280)
    yield Shot("events", f"{whole}/events", ".events", 900)
    yield Shot("rerun", f"{whole}/rerun", "#input", 900)
    yield Shot("inbox", "/inbox?kind=email", ".messages .alert", 900)


def take(page: Any, shot: Shot, target: Path, *, desk: bool) -> None:
    if desk:
        page.set_viewport_size({"width": DESK["width"], "height": shot.height})
    page.goto(shot.path)
    page.locator(shot.ready).first.wait_for()
    if shot.name == "inbox":
        page.locator(".messages .alert a").first.click()
        page.locator(".message .body").wait_for()
    if shot.name == "rerun":
        page.get_by_role("button", name="Ask for others").click()
        page.locator("[data-said]", has_text="quality").wait_for()  # the preview
        page.locator("[data-preview][aria-busy=false]").wait_for()
    # Not wait_for_function, which needs eval: the console's policy forbids that to everybody.
    page.evaluate(LOADED)  # a corrupt upload's preview may well be undecodable
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(700)  # thumbnails and log lines come after
    taken = page.locator(shot.part).screenshot() if shot.part else page.screenshot()
    picture = Image.open(io.BytesIO(taken))
    small = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(target, optimize=True)
    print(f"{os.path.relpath(target)}  {target.stat().st_size // 1024} KB")


def running(page: Any, engine: Engine, target: Path) -> None:
    """Show an execution while it runs: its PDF waits until the picture is taken."""
    gate = threading.Event()
    engine.faults.inject(
        Fault("MakePdf", "StorageError", times=0, when=lambda _: not gate.wait(60))
    )
    page.goto("/")
    page.locator("[data-files]").set_input_files(SAMPLES / "coffee.png")
    page.locator(".node.is-running[data-name=MakePdf]").wait_for()
    take_here = Shot("running", page.url, ".node.is-running[data-name=MakePdf]", 1280)
    take(page, take_here, target, desk=True)
    gate.set()
    engine.wait_idle(60)


@contextmanager
def opened(browser: Any, base: str, look: str, scale: int = 1) -> Iterator[Any]:
    """Open a page: light, or dark, which a phone is, too."""
    context = signed_in(
        browser,
        base,
        viewport=PHONE if look == "phone" else DESK,
        color_scheme="light" if look == "light" else "dark",
        reduced_motion="reduce",
        device_scale_factor=scale,
    )
    try:
        yield context.new_page()
    finally:
        context.close()


def main() -> int:
    """Take them all, or those of one page."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n\n")[0])
    parser.add_argument("--page", help="the only page to take, as execution or inbox")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the pictures go")
    options = parser.parse_args()
    if CHROMIUM is None:
        print(
            "There is no Chromium on this machine: apt-get install chromium-headless-shell",
            file=sys.stderr,
        )
        return 2
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with (
        Engine(ROOT / "template.yaml", skip_waits=True) as engine,
        serving(engine.deployment, engine.inbox, 0) as base,
        sync_playwright() as driver,
    ):
        wanted = [shot for shot in shots(process(engine)) if options.page in {None, shot.name}]
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for look in ("light", "dark", "phone"):
            phone = look == "phone"
            for shot in wanted:
                if phone and shot.part:
                    continue
                with opened(browser, base, look, 2 if phone or shot.part else 1) as page:
                    take(page, shot, folder / f"{shot.name}-{look}.png", desk=not phone)
        if options.page in {None, "running"}:
            with opened(browser, base, "dark") as page:
                running(page, engine, folder / "running-dark.png")
        browser.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
