"""Deploy the stack on a second emulator and run the end-to-end tests: ``make test-second-engine``.

So they are known not to lean on what only our own engine does. It is MiniStack, and the SAM CLI
deploys, each as pinned in requirements. What MiniStack lacks is below, with what is done about it.
Where they cannot be installed, that is said, and no failure.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import yaml

from darkroom_ops.deployment import DEFAULT_REGION, DEFAULT_STACK
from darkroom_ops.engine.deploy import read_template
from tools.checks.findings import Skipped

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "second-engine"
HOME = ROOT / ".venv-second-engine"
SAM = HOME / "bin" / "sam"
MINISTACK = HOME / "ministack"
REQUIREMENTS = ROOT / "requirements"

PATIENCE = 600.0
"""Seconds for each installation, the deployment and the tests."""

START_SECONDS = 60.0

BUCKET = "artifacts"

LACKS = {
    "AWS::Logs::QueryDefinition": "a type that its CloudFormation does not know",
    "AWS::CloudFormation::Stack": "CloudFront, which is off by default, and has a test of its own",
}
"""Types of resources that are left out, and why. So are alarms over several metrics: it has no
metric math."""

Json = dict[str, Any]


def adapted(source: Json, definitions: Path, layer: Path) -> Json:
    """Return a SAM template without what MiniStack lacks; its definitions and layer lie elsewhere.

    It reads a definition as JSON only. The layer has our own code: the packages are those of the
    Python that runs the functions, since those for Arm would not load here.
    """
    template = copy.deepcopy(source)
    kept = {}
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] in LACKS or "Metrics" in properties:
            continue
        if "DefinitionUri" in properties:
            name_of = Path(properties["DefinitionUri"]).name.removesuffix(".asl.yaml")
            properties["DefinitionUri"] = str(definitions / f"{name_of}.json")
        if "ContentUri" in properties:
            properties["ContentUri"] = str(layer)
            resource.pop("Metadata", None)
        if "CodeUri" in properties:
            properties["CodeUri"] = str(ROOT / properties["CodeUri"])
        kept[name] = resource
    return template | {"Resources": kept}


def spelled_out(definition: Json) -> Json:
    """Return a definition that means the same without what MiniStack ignores.

    A Parallel's `Assign` and a Succeed's `Output` are done by a Pass behind it and before it.
    """
    states = {}
    for name, state in copy.deepcopy(definition["States"]).items():
        states[name] = state
        then = f"{name}Done"
        if state["Type"] == "Parallel" and "Assign" in state:
            moved = json.dumps(state.pop("Assign")).replace("$states.result", "$states.input")
            states[then] = {"Type": "Pass", "Assign": json.loads(moved), "Next": state["Next"]}
            state["Next"] = then
        elif state["Type"] == "Succeed" and "Output" in state:
            states[name] = {"Type": "Pass", "Output": state["Output"], "Next": then}
            states[then] = {"Type": "Succeed"}
    return definition | {"States": states}


def write() -> Path:
    """Write what is deployed, and return the template's path."""
    shutil.rmtree(OUT, ignore_errors=True)
    ours = ROOT / "layers" / "darkroom" / "darkroom"
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ours, OUT / "layer" / "python" / "darkroom", ignore=skipped)
    for path in (ROOT / "statemachine").glob("*.asl.yaml"):
        definition = spelled_out(yaml.safe_load(path.read_text()))
        (OUT / f"{path.name.removesuffix('.asl.yaml')}.json").write_text(json.dumps(definition))
    source = read_template(ROOT / "template.yaml")
    template = OUT / "template.json"
    template.write_text(json.dumps(adapted(source, OUT, OUT / "layer")))
    return template


def install() -> None:
    """Install the SAM CLI and MiniStack as they are pinned, once; Skipped where they cannot be."""
    pins = [REQUIREMENTS / "sam.txt", REQUIREMENTS / "ministack.txt"]
    stamp, wanted = HOME / "installed", "".join(path.read_text() for path in pins)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(HOME, ignore_errors=True)
    print("Installing the SAM CLI and MiniStack (once, about two minutes) …", flush=True)
    # The pins are whole; older pips refuse a dependency with extras beside hashes.
    pip = [
        str(HOME / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet",
        "install", "--no-deps", "--require-hashes",
    ]  # fmt: skip
    for command in (
        [sys.executable, "-m", "venv", str(HOME)],
        [*pip, "-r", str(pins[0])],
        # Apart: it asks for other versions of what the SAM CLI pins.
        [*pip, "--target", str(MINISTACK), "-r", str(pins[1])],
    ):
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=PATIENCE
            )
        except subprocess.TimeoutExpired:
            raise Skipped("the installation took too long") from None
        if done.returncode:
            raise Skipped(f"it cannot be installed: {done.stderr.strip()[-500:]}")
    stamp.write_text(wanted)


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Run MiniStack, and yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    (OUT / "tmp").mkdir()
    settings = environment(endpoint) | {
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "TMPDIR": str(OUT / "tmp"),
    }
    command = [sys.executable, "-m", "tools.second_engine.serve", str(MINISTACK)]
    with (
        (OUT / "ministack.log").open("wb") as log,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=settings,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as process,
    ):
        try:
            _await(f"{endpoint}/_ministack/health", process)
            yield endpoint
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # with its functions, which would stay


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - an address of our own
            return
        if process.poll() is not None or time.monotonic() > deadline:
            said = (OUT / "ministack.log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"MiniStack did not start:\n{said}")
        time.sleep(0.2)


def environment(endpoint: str) -> dict[str, str]:
    """Return the environment in which everything speaks to an endpoint, with nobody's keys."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    return ours | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": DEFAULT_REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "SAM_CLI_TELEMETRY": "0",
    }


def deploy(template: Path, endpoint: str) -> None:
    """Deploy with the SAM CLI; a RuntimeError has what it said."""
    boto3.client(
        "s3", endpoint_url=endpoint, region_name=DEFAULT_REGION,
        aws_access_key_id="test", aws_secret_access_key="test",  # noqa: S106 - nobody's
    ).create_bucket(Bucket=BUCKET)  # fmt: skip
    done = subprocess.run(
        [
            str(SAM), "deploy", "--template", str(template), "--stack-name", DEFAULT_STACK,
            "--s3-bucket", BUCKET, "--region", DEFAULT_REGION, "--no-confirm-changeset",
            "--capabilities", "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND",
        ],
        cwd=OUT, env=environment(endpoint), capture_output=True, text=True, check=False,
        timeout=PATIENCE,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"`sam deploy` failed:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")


def main(arguments: list[str]) -> int:
    """Deploy and test; return pytest's exit code."""
    try:
        install()
    except Skipped as skipped:
        print(f"The second engine is left out: {skipped}")
        return 0
    template = write()
    with serving() as endpoint:
        deploy(template, endpoint)
        command = [sys.executable, "-m", "pytest", "tests/engine", "-m", "e2e", "--all", "--quiet"]
        return subprocess.run(
            [*command, "--endpoint", endpoint, *arguments],
            cwd=ROOT,
            check=False,
            timeout=PATIENCE,
        ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
