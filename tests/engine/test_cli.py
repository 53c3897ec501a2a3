"""The `darkroom` command as a person or a script uses it.

In processes of its own where that shows something, else in this one, which has imported it all.
"""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
import requests
from darkroom.contract.errors import InvalidRequest

from darkroom_ops.cli.run import run
from darkroom_ops.cli.target import Target
from darkroom_ops.deployment import Deployment
from darkroom_ops.present.failures import WrongUse, explain
from tests.support.cli import invoke
from tests.support.pipeline import until
from tests.support.processes import lives

PROJECT = Path(__file__).resolve().parents[2]
SAMPLES = PROJECT / "samples"
ROCKET = SAMPLES / "rocket.jpg"
DARKROOM = [sys.executable, "-m", "darkroom_ops.cli.entry"]
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
SECONDS = 120  # for whatever takes a few on an idle machine
DEAFEN = """
import os, signal, sys
deaf = {signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM}
for number in deaf:
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, deaf)
os.execv(sys.argv[1], sys.argv[1:])
"""
DEAF = [sys.executable, "-c", DEAFEN]
"""Starts a command as the worst of parents would: a background job, nohup, some CI runners."""


def environment(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "DARKROOM_"))}
    return kept | {"DARKROOM_HOME": str(home), "COLUMNS": "80"}


class Up:
    """A running `darkroom up --json`."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [*DEAF, *DARKROOM, "up", "--json", *arguments],
            cwd=PROJECT,
            env=environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self._passed: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.about = self._lines.get(timeout=SECONDS)
        self.endpoint: str = self.about["endpoint"]
        secret = self.about["exports"]["AWS_SECRET_ACCESS_KEY"]
        self.deployment = Deployment(endpoint=self.endpoint, secret_key=secret)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(json.loads(line))

    def executions(self) -> list[str]:
        """Return the ARNs of all executions, newest first."""
        client = self.deployment.stepfunctions
        listed = client.list_executions(stateMachineArn=self.deployment.state_machine_arn)
        return [each["executionArn"] for each in listed["executions"]]

    def objects(self) -> int:
        listed = self.deployment.s3.list_objects_v2(Bucket=self.deployment.source_bucket_name)
        return listed["KeyCount"]

    def told(self, **wanted: Any) -> dict[str, Any]:
        """Return the first event line with these values; no order among them is promised."""
        for line in self._passed:
            if wanted.items() <= line.items():
                return line
        deadline = time.monotonic() + SECONDS
        while True:
            line = self._lines.get(timeout=max(0.1, deadline - time.monotonic()))
            self._passed.append(line)
            if wanted.items() <= line.items():
                return line

    def stop(self, number: signal.Signals) -> tuple[int, str]:
        """Stop it and return its exit code and what it complained of."""
        self.process.send_signal(number)
        try:
            code = self.process.wait(SECONDS)
        finally:
            self.process.kill()  # one that does not stop fails its test, and is not left behind
        self._reader.join(SECONDS)
        with self.process:  # closes its pipes
            assert self.process.stderr is not None
            return code, self.process.stderr.read()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    running = Up(tmp_path_factory.mktemp("darkroom"))
    yield running
    assert running.stop(signal.SIGTERM) == (0, "")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where no engine is known."""
    return tmp_path / "nobody"


@pytest.fixture
def corrupt(tmp_path: Path) -> Path:
    path = tmp_path / "broken [photo].jpg"
    path.write_bytes(ROCKET.read_bytes()[:60_000])
    return path


def darkroom(
    home: Path, *arguments: str | Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the command as a script does: its output is piped."""
    done = subprocess.run(
        [*DARKROOM, *map(str, arguments)],
        cwd=PROJECT,
        env=environment(home) | variables,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert not CONTROL.search(done.stdout + done.stderr)
    return done


def called(home: Path, *arguments: str | Path, **variables: str) -> Any:
    """Call the command in this process, in the same environment."""
    given = environment(home) | variables
    gone = dict.fromkeys(os.environ.keys() - given.keys())
    done = invoke([*map(str, arguments)], env=gone | given)
    assert isinstance(done.exception, SystemExit | None), done.exception
    assert not CONTROL.search(done.output)
    return done


# ---------------------------------------------------------------------------- help


def test_help_loads_nothing_heavy() -> None:
    """It comes at once: moto, boto3 and Rich's tables would take seconds."""
    script = (
        "import sys; from darkroom_ops.cli.main import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'boto3', 'moto', 'starlette'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=SECONDS
    )
    assert all(command in done.stdout for command in ("up", "run", "demo"))
    assert done.stdout.endswith("[]\n")


# ---------------------------------------------------------------------------- up


def test_up_says_where_everything_is(up: Up) -> None:
    assert up.about["outputs"]["SourceBucketName"] == up.deployment.source_bucket_name
    assert up.about["region"] == "us-east-1"
    assert up.about["pid"] == up.process.pid
    assert all(isinstance(reason, str) and reason for reason in up.about["left_out"].values())
    assert (up.home / "translated.json").exists()  # so the next one starts sooner


def test_up_tells_executions_and_messages_as_they_happen(up: Up) -> None:
    key = "uploads/told.jpg"
    up.deployment.s3.put_object(
        Bucket=up.deployment.source_bucket_name, Key=key, Body=ROCKET.read_bytes()
    )

    ended = up.told(event="execution", source=key, outcome="COMPLETE")
    mail = up.told(event="message", protocol="email", subject=f"Darkroom: ready: {key}")

    assert ended["status"] == "SUCCEEDED"
    assert mail["execution"] == ended["execution"]


def test_the_profile_is_all_that_aws_clients_need(up: Up, monkeypatch: pytest.MonkeyPatch) -> None:
    """As README has it: endpoint, region and keys come from the file."""
    bucket = up.deployment.source_bucket_name  # read before the environment is another
    for name in (name for name in os.environ if name.startswith("AWS_")):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", up.about["profile"])
    monkeypatch.setenv("AWS_PROFILE", "darkroom")
    buckets = boto3.session.Session().client("s3").list_buckets()["Buckets"]
    assert bucket in {each["Name"] for each in buckets}


def test_up_on_a_port_in_use_says_so(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = called(home, "up", "--port", str(port))

    assert done.exit_code == 2
    assert str(port) in done.stderr
    assert "--port" in done.stderr
    assert not (home / "engine.json").exists()


def test_up_for_people_stopped_in_the_middle_of_work_leaves_nothing(tmp_path: Path) -> None:
    """It shows names and examples until then."""
    with subprocess.Popen(
        [*DEAF, *DARKROOM, "up"],
        cwd=PROJECT,
        env=environment(tmp_path) | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        text = ""
        for line in process.stdout:
            text += line
            if "as they happen" in line:
                break
        profile = tmp_path / "aws-config"
        secret = re.search("aws_secret_access_key = (.+)", profile.read_text())
        assert secret is not None
        endpoint = json.loads((tmp_path / "engine.json").read_text())["endpoint"]
        at = Deployment(endpoint=endpoint, secret_key=secret[1])
        body = (SAMPLES / "dandelions.jpg").read_bytes()
        for index in range(4):
            at.s3.put_object(Bucket=at.source_bucket_name, Key=f"uploads/{index}.jpg", Body=body)
        workers = until(lambda: psutil.Process(process.pid).children(recursive=True) or None)
        process.send_signal(signal.SIGINT)
        text += process.stdout.read()

    assert process.returncode == 0
    _, left = psutil.wait_procs(workers, timeout=SECONDS)
    assert not any(lives(each.pid) for each in left)
    assert not (tmp_path / "engine.json").exists()
    assert not CONTROL.search(text)
    assert f"  export AWS_CONFIG_FILE={profile} AWS_PROFILE=darkroom\n" in text
    assert re.search(
        rf"AWS CLI before 2\.13, or 1\.29, asks AWS .+ --endpoint-url {endpoint} too\.", text
    )
    assert (
        f"  export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION=us-east-1 "
        f"AWS_ACCESS_KEY_ID=darkroom AWS_SECRET_ACCESS_KEY={secret[1]}\n"
    ) in text
    assert "s3://darkroom-sourcebucket-123456789012/uploads/" in text
    assert "SourceBucketPolicy" in text
    assert "Traceback" not in text
    assert "Darkroom is down." in text


# ---------------------------------------------------------------------------- run


def test_run_uploads_follows_and_shows_the_result(up: Up) -> None:
    done = called(up.home, "run", ROCKET)

    assert (done.exit_code, done.stderr) == (0, "")
    for state in ("ClaimImage", "Prepare", "Resize small", "MakePdf", "NotifySuccess"):
        assert done.stdout.count(f"✓ {state} ") == 1
    assert re.search(r"COMPLETE +uploads/rocket.jpg", done.stdout)
    assert re.search(r"small.jpg +300 x 200 +[\d.]+ KB +-\d+ %", done.stdout)
    assert "11 transitions" in done.stdout
    assert f"s3://{up.deployment.backup_bucket_name}/uploads/rocket.jpg" in done.stdout


def test_run_as_json_is_one_object_about_the_very_upload(up: Up) -> None:
    done = called(up.home, "run", ROCKET, "--json")

    found = json.loads(done.stdout)
    assert (found["execution"], found["outcome"]) == (up.executions()[0], "COMPLETE")
    assert found["source"].endswith("/uploads/rocket.jpg")
    assert [(o["width"], o["height"]) for o in found["outputs"][:3]] == [
        (300, 200), (600, 400), (640, 427),
    ]  # fmt: skip
    assert found["transitions"] == 11
    assert 0 < found["cost_usd"] < 0.001


def test_run_with_an_input_makes_what_it_asks_for_once(up: Up, tmp_path: Path) -> None:
    wishes = tmp_path / "wishes.json"
    wishes.write_text('{"presets": [{"name": "thumb", "width": 64, "height": 64, "fit": "cover"}]}')
    before = len(up.executions())

    done = called(up.home, "run", ROCKET, "--input", f"@{wishes}", "--json")

    found = json.loads(done.stdout)
    assert (done.exit_code, found["outcome"]) == (0, "COMPLETE")
    thumb = found["outputs"][0]
    assert thumb["key"] == "manual/rocket.jpg/thumb.jpg"
    assert (thumb["width"], thumb["height"]) == (64, 64)
    assert len(up.executions()) == before + 1


def test_run_again_by_its_address_with_another_input(up: Up) -> None:
    bucket, key = up.deployment.source_bucket_name, "uploads/again.jpg"
    up.deployment.s3.put_object(Bucket=bucket, Key=key, Body=ROCKET.read_bytes())
    up.told(event="execution", source=key, outcome="COMPLETE")  # or it might replace the other

    done = called(
        up.home,
        "run",
        f"s3://{bucket}/{key}",
        "--input",
        '{"presets": [{"name": "w", "width": 50}]}',
    )

    assert done.exit_code == 0
    assert re.search(r"w.jpg +50 x 33", done.stdout)


def test_run_of_a_corrupt_file_fails_with_its_reason_and_the_way_on(up: Up, corrupt: Path) -> None:
    done = called(up.home, "run", corrupt)

    assert done.exit_code == 1
    assert "✗ Prepare" in done.stdout
    assert "CorruptImage in step Prepare" in done.stdout
    assert "cannot be decoded" in done.stdout
    assert "Upload an intact copy" in done.stdout
    name = up.executions()[0].rpartition(":")[2]
    assert f"darkroom rerun {name} --newest" in done.stdout


def test_run_shows_a_hostile_key_harmlessly(up: Up) -> None:
    key = "uploads/\x1b[2J\u202egpj.exe\n✓ COMPLETE.jpg"

    done = called(up.home, "run", f"s3://{up.deployment.source_bucket_name}/{key}")

    assert done.exit_code == 1
    assert r"\x1b[2J\u202egpj.exe\n✓ COMPLETE.jpg" in done.stdout
    assert "SourceNotFound" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.jpg"], ["'nowhere.jpg' does not exist"]),
        (["x" * 5000], ["x' does not exist"]),
        ([""], ["'' does not exist"]),
        ([os.devnull], [f"'{os.devnull}' is no file"]),
        ([str(SAMPLES)], ["is a folder"]),
        (["s3://"], ["Expected s3://bucket/key"]),
        (["s3://bucket/key", "--key", "other"], ["--key only with a file"]),
        ([str(ROCKET), "--input", "{width: 3}"], ["--input to be JSON"]),
        ([str(ROCKET), "--input", "[1]"], ["to be a JSON object", "list"]),
        ([str(ROCKET), "--input", "@nowhere.json"], ["nowhere.json", "No such file"]),
        ([str(ROCKET), "--input", '{"source": {}}'], ["no 'source'"]),
        (
            [str(ROCKET), "--input", '{"presets": [{"name": "a", "wdth": 3}]}'],
            ["InvalidRequest", "`wdth` in 'presets[0]'"],
        ),
        (
            [str(ROCKET), "--input", '{"presets": [{"name": "a", "width": 0}]}'],
            ["InvalidRequest", "at least 1 in 'presets[0].width', but received 0"],
        ),
        ([str(ROCKET), "--input", '{"notify": false}', "--key", "uploads/a.jpg"], ["outside of"]),
    ],
)
def test_run_starts_nothing_when_the_input_is_wrong(
    up: Up, arguments: list[str], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DARKROOM_HOME", str(up.home))
    before = (len(up.executions()), up.objects())
    image, options = arguments[0], dict(zip(arguments[1::2], arguments[2::2], strict=True))

    with pytest.raises((WrongUse, InvalidRequest)) as raised:
        run(
            Target(up.endpoint),
            image,
            fields=options.get("--input"),
            key=options.get("--key"),
        )

    said = explain(raised.value)
    assert said is not None
    assert all(word in said for word in words), said
    assert (len(up.executions()), up.objects()) == before


def test_run_says_on_standard_error_what_is_wrong(up: Up) -> None:
    wrong = '{"presets": [{"name": "a", "wdth": 3}]}'

    done = darkroom(up.home, "run", ROCKET, "--input", wrong)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("darkroom: InvalidRequest: ")


def test_run_without_an_engine_says_how_to_get_one(home: Path) -> None:
    done = called(home, "run", ROCKET)

    assert done.exit_code == 2
    assert "darkroom up" in done.stderr
    assert "--stack" in done.stderr


@pytest.mark.parametrize("lives", [True, False])
def test_run_ignores_the_address_of_a_dead_engine(home: Path, *, lives: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed_later:
        port = closed_later.getsockname()[1]
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    # The process is gone; or its id is another process's by now, and nobody listens on the port.
    stale = {
        "endpoint": f"http://127.0.0.1:{port}",
        "stack": "darkroom",
        "pid": os.getpid() if lives else ended.pid,
    }
    home.mkdir()
    (home / "engine.json").write_text(json.dumps(stale))

    done = called(home, "run", ROCKET)

    assert done.exit_code == 2
    assert "darkroom up" in done.stderr


def test_run_takes_another_endpoint_and_says_when_nothing_is_there(up: Up, home: Path) -> None:
    stranger = called(home, "run", ROCKET, "--endpoint", up.endpoint)
    assert (stranger.exit_code, stranger.stdout) == (2, "")
    assert "`darkroom up` prints the keys" in stranger.stderr

    found = called(home, "run", ROCKET, "--json", **up.about["exports"])
    assert json.loads(found.stdout)["outcome"] == "COMPLETE"

    absent = called(home, "run", ROCKET, "--stack", "absent", **up.about["exports"])
    assert absent.exit_code == 2
    assert "'absent'" in absent.stderr

    wrong = called(home, "run", ROCKET, "--endpoint", "localhost")
    assert wrong.exit_code == 2
    assert "http://127.0.0.1:4599" in wrong.stderr


def test_run_left_by_ctrl_c_goes_on_and_says_how_to_look_at_it(up: Up) -> None:
    process = subprocess.Popen(
        [*DEAF, *DARKROOM, "run", str(SAMPLES / "dandelions.jpg"), "--key", "uploads/left.jpg"],
        cwd=PROJECT,
        env=environment(up.home) | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    arn = next(line.split()[1] for line in process.stdout if line.startswith("Execution "))

    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=SECONDS)

    assert process.returncode == 130
    assert "Traceback" not in complaints
    assert f"darkroom show {arn.rpartition(':')[2]} --follow" in complaints
    again = called(up.home, "show", arn, "--follow")
    assert (again.exit_code, again.stderr) == (0, "")
    assert re.search(r"COMPLETE +uploads/left.jpg", again.stdout)


# ---------------------------------------------------------------------------- console


def test_console_serves_a_stack_and_ends_with_ctrl_c(up: Up) -> None:
    with subprocess.Popen(
        [*DEAF, *DARKROOM, "console", "--endpoint", up.endpoint, "--json"],
        cwd=PROJECT,
        env=environment(up.home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        page = requests.get(told["console"], timeout=SECONDS)
        stranger = requests.get(told["console"].partition("?")[0], timeout=SECONDS)
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
        assert process.stdout.read() == ""
    assert told["stateMachine"] == up.deployment.state_machine_arn
    assert (page.status_code, stranger.status_code) == (200, 403)
    assert "<h1" in page.text
