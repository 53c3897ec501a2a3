"""The operators' commands, in this process, against the shared engine."""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from darkroom_ops.cli import address
from darkroom_ops.engine.stepfunctions.task_faults import Fault
from darkroom_ops.executions.client import Executions
from darkroom_ops.executions.model import Execution
from tests.support.cli import invoke
from tests.support.images import photo, truncated
from tests.support.pipeline import Pipeline, Run, until

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@pytest.fixture(scope="module", autouse=True)
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No engine is known but by its endpoint; clients, which take a while to make, are kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DARKROOM_HOME", str(tmp_path_factory.mktemp("nobody")))
        kept = functools.lru_cache(address.connect)
        named = "AWS_ENDPOINT_URL"
        patch.setattr(
            address, "connect", lambda at, stack: kept(at or os.environ.get(named), stack)
        )
        for name in ("AWS_ENDPOINT_URL", "VISUAL", "EDITOR"):
            patch.delenv(name, raising=False)
        yield


class Darkroom:
    """The command, about one stack."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def __call__(self, *words: str, code: int = 0, typed: str | None = None) -> str:
        """Run a command that is to end with a code; return what it prints."""
        at = self._pipeline.at
        where = ["--stack", at.stack, *(["--endpoint", at.endpoint] if at.endpoint else [])]
        done = invoke([*words, *where], input=typed)
        text: str = done.stdout if code != 2 or "--json" in words else done.stderr
        assert done.exit_code == code, (done.stdout, done.stderr, done.exception)
        assert not CONTROL.search(done.stdout + done.stderr)
        return text

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self(*words, "--json", code=code))


@pytest.fixture(scope="module")
def darkroom(deployed: Pipeline) -> Darkroom:
    deployed.reset()
    return Darkroom(deployed)


@pytest.fixture(scope="module")
def folder() -> str:
    """A prefix of this module's own."""
    return f"uploads/{uuid.uuid4().hex[:8]}/"


@pytest.fixture(scope="module")
def good(deployed: Pipeline, darkroom: Darkroom, folder: str) -> Run:
    return deployed.run_of(deployed.put_at(f"{folder}good.jpg", photo()))


@pytest.fixture(scope="module")
def bad(deployed: Pipeline, darkroom: Darkroom, folder: str) -> Run:
    return deployed.run_of(deployed.put_at(f"{folder}bad.jpg", truncated()))


@pytest.fixture
def own(pipeline: Pipeline) -> Run:
    """An image of the test's own, to run again: the others look at theirs."""
    return pipeline.upload(photo(), "good.jpg")


def key_of(run: Run) -> str:
    found: str = json.loads(run.described["input"])["detail"]["object"]["key"]
    return found


@dataclass(frozen=True)
class Held:
    """An execution that waits in Prepare until it is let go."""

    arn: str
    go: threading.Event

    @property
    def name(self) -> str:
        return self.arn.rpartition(":")[2]


@pytest.fixture
def held(pipeline: Pipeline) -> Iterator[Held]:
    go, entered = threading.Event(), threading.Event()

    def wait(_: Any) -> bool:
        entered.set()
        go.wait(120)
        return False

    key = f"uploads/{uuid.uuid4().hex[:8]}/held.jpg"
    assert pipeline.engine is not None
    pipeline.engine.faults.inject(Fault("Prepare", "Never", when=wait))
    pipeline.put_at(key, photo())
    assert entered.wait(120)
    yield Held(until(lambda: next(iter(pipeline.executions(key)), None)), go)
    go.set()


def newest(pipeline: Pipeline, key: str) -> Execution:
    return Executions(pipeline.at).get(pipeline.executions(key)[-1])


# ---------------------------------------------------------------------------- ls


def test_ls_shows_what_became_of_each_image(
    darkroom: Darkroom, good: Run, bad: Run, folder: str
) -> None:
    text = darkroom("ls", "--prefix", folder)

    assert re.search(rf"{good.name[:8]} +COMPLETE +{folder}good.jpg +[\d.]+ s +\$0\.0", text)
    assert re.search(rf"{bad.name[:8]} +FAILED CorruptImage +{folder}bad.jpg", text)


def test_ls_narrows_by_outcome_time_and_number(
    darkroom: Darkroom, good: Run, bad: Run, folder: str
) -> None:
    def names(*words: str) -> list[str]:
        found = darkroom.json("ls", "--prefix", folder, *words)
        return [each["name"] for each in found["executions"]]

    assert names("--status", "complete") == [good.name]
    assert names("--status", "FAILED") == [bad.name]
    assert names("--status", "timed-out") == []
    assert set(names("--since", "1h")) == {good.name, bad.name}
    assert names("--since", "2999-01-01") == []
    assert len(names("--limit", "1")) == 1
    assert darkroom.json("ls", "--prefix", folder, "--limit", "1")["more"] is True


def test_ls_says_when_nothing_fits(darkroom: Darkroom) -> None:
    assert "No execution fits." in darkroom("ls", "--prefix", "nothing/here/")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--status", "green"], ["ALREADY_PROCESSED", "'green'"]),
        (["--since", "yesterday"], ["2h", "2026-01-31", "'yesterday'"]),
    ],
)
def test_ls_says_what_an_option_takes(
    darkroom: Darkroom, words: list[str], said: list[str]
) -> None:
    text = darkroom("ls", *words, code=2)

    assert all(word in text for word in said)


# ---------------------------------------------------------------------------- show


def test_the_engine_says_at_once_what_asking_for_each_says(
    pipeline: Pipeline, good: Run, bad: Run
) -> None:
    if pipeline.engine is None:
        pytest.skip("only the engine has such an answer")
    quickly, slowly = Executions(pipeline.at, itemized=True), Executions(pipeline.at)
    slowly._has_ledger = False

    found = [each for each in quickly.each() if each.name in {good.name, bad.name}]

    assert {each.name for each in found} == {good.name, bad.name}
    assert not [e for e in quickly._entries(None, 1) if e.status != "RUNNING" and not e.costed]
    for each in found:
        (same,) = (other for other in slowly.each() if other.arn == each.arn)
        # Descriptions have milliseconds, the list has more.
        assert abs(each.seconds - same.seconds) < 0.002
        times = {"started": each.started, "stopped": each.stopped, "seconds": each.seconds}
        assert each == msgspec.structs.replace(same, **times)
        assert quickly.cost_of(each) == slowly.cost_of(each)
    assert {each.step for each in found} == {None, "Prepare"}


def test_status_says_how_it_went(darkroom: Darkroom, good: Run, bad: Run) -> None:
    lines = darkroom("status").splitlines()
    assert len(lines) == 10
    assert "CorruptImage" in lines[4]
    hour = json.loads(darkroom("status", "--json"))["windows"][0]
    assert (hour["complete"] >= 1, hour["failed"] >= 1, hour["cost_usd"] > 0) == (True, True, True)


def test_show_draws_the_states_and_lists_what_was_made(darkroom: Darkroom, good: Run) -> None:
    text = darkroom("show", good.name)

    for state in ("ClaimImage", "Prepare", "Resize small", "MakePdf", "NotifySuccess"):
        assert re.search(rf"{state} +[\d.]+ s +[\d.]+ s +━", text), state
    assert re.search(r"small.jpg +300 x 225 +[\d.]+ KB +-\d+ %", text)
    assert "by the upload's event" in text


def test_show_says_why_it_failed_and_what_helps(darkroom: Darkroom, bad: Run) -> None:
    text = darkroom("show", bad.name)

    assert "CorruptImage in step Prepare" in text
    assert bad.cause in text
    assert "Try again? No. Upload an intact copy" in text
    assert re.search(r"Prepare .*━?✗ +CorruptImage", text)


def test_show_takes_whatever_names_an_execution(
    darkroom: Darkroom, pipeline: Pipeline, good: Run, folder: str
) -> None:
    region = pipeline.at.region
    image = f"s3://{pipeline.at.source_bucket_name}/{folder}good.jpg"
    console = (
        f"Execution  https://{region}.console.aws.amazon.com/states/home?region={region}"
        f"#/v2/executions/details/{good.arn}"
    )
    for named in (good.name, good.name[:9], good.arn, console, image):
        assert darkroom.json("show", named)["execution"] == good.arn


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("ffffffff-no", ["none named 'ffffffff-no'", "darkroom ls"]),
        ("s3://bucket/no such key.jpg", ["no record", "no such key.jpg"]),
        ("two words", ["its ARN", "'two words'"]),
    ],
)
def test_show_says_what_it_could_not_find(darkroom: Darkroom, named: str, said: list[str]) -> None:
    text = darkroom("show", named, code=2)
    told = darkroom.json("show", named, code=2)

    assert all(word in text for word in said)
    assert told["error"] == "NoSuchExecution"
    assert all(word in told["message"] for word in said)


def test_show_a_state_with_its_input_and_output(darkroom: Darkroom, good: Run, bad: Run) -> None:
    small = darkroom("show", good.name, "--state", "resize small")
    assert '"name": "small"' in small
    assert '"name": "medium"' not in small

    found = darkroom.json("show", good.name, "--state", "Resize")["state"]
    assert {each["rendition"] for each in found} == {"small", "medium", "large"}
    assert all(each["output"]["bytes"] > 0 for each in found)

    failed = darkroom("show", bad.name, "--state", "Prepare", "--input")
    assert "CorruptImage" in failed
    assert bad.cause in failed
    assert '"detail-type": "Object Created"' in failed

    unknown = darkroom("show", good.name, "--state", "Resise", code=2)
    assert "'Resise'" in unknown
    assert "ResizeImages" in unknown


def test_show_the_input_and_the_output(darkroom: Darkroom, good: Run) -> None:
    text = darkroom("show", good.name, "--input", "--output")

    assert '"sequencer"' in text
    assert '"outcome": "COMPLETE"' in text


def test_show_the_log_lines_of_this_execution_only(darkroom: Darkroom, good: Run, bad: Run) -> None:
    lines = darkroom.json("show", bad.name, "--logs")["logs"]

    (warning,) = (line for line in lines if line["level"] == "WARNING")
    assert warning["function"].endswith("prepare")
    assert warning["message"] == bad.cause
    assert warning["fields"]["error"] == "CorruptImage"
    reports = [line for line in lines if line["level"] == "REPORT"]
    assert {line["function"].rpartition("-")[2] for line in reports} == {"prepare", "notify"}
    assert all(line["fields"]["Billed Duration"] > 0 for line in reports)
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)

    text = darkroom("show", good.name, "--logs")
    assert bad.cause not in text
    assert re.search(r"resize +REPORT +billed \d+ ms, used \d+ of 1280 MB", text)


def test_show_follows_and_tells_by_its_exit_code(darkroom: Darkroom, good: Run, bad: Run) -> None:
    assert "COMPLETE" in darkroom("show", good.name, "--follow")
    assert "CorruptImage" in darkroom("show", bad.name, "--follow", code=1)


def test_a_hostile_key_and_a_hostile_error_are_shown_harmlessly(
    darkroom: Darkroom, pipeline: Pipeline
) -> None:
    key = f"uploads/{uuid.uuid4().hex[:8]}/\x1b[2J\u202e\n✓ COMPLETE.jpg"
    pipeline.fail("Prepare", "Odd\x1b[31m", cause="\x1b]0;title\x07")
    run = pipeline.run_of(pipeline.put_at(key, photo()))

    shown = darkroom("show", run.name)  # checks for control characters
    listed = darkroom("ls", "--prefix", key[:17])
    state = darkroom("show", run.name, "--state", "Prepare")

    assert r"\x1b[2J\u202e\n✓ COMPLETE.jpg" in shown
    assert r"\x1b[2J\u202e\n✓ COMPLETE.jpg" in listed
    assert r"\x1b]0;title\x07" in state


# ---------------------------------------------------------------------------- rerun


def test_rerun_makes_what_it_is_asked_for_and_shows_it_first(
    darkroom: Darkroom, pipeline: Pipeline, own: Run
) -> None:
    text = darkroom(
        "rerun", own.name, "--preset", "thumb=64x64,fit=cover", "--watermark", "Jane Doe"
    )

    before, _, after = text.partition("Execution arn:")
    assert re.search(r'\+ +"name": "thumb"', before)
    assert re.search(r'\+ +"text": "Jane Doe"', before)
    assert re.search(r"thumb.jpg +64 x 64", after)
    run = newest(pipeline, key_of(own))
    assert run.input["presets"] == [{"name": "thumb", "width": 64, "height": 64, "fit": "cover"}]
    assert run.input["source"]["versionId"] == good_version(own)


def good_version(run: Run) -> str:
    given = json.loads(run.described["input"])
    found: str = given["detail"]["object"]["version-id"]
    return found


def test_rerun_of_an_image_by_its_address_in_json(
    darkroom: Darkroom, pipeline: Pipeline, own: Run
) -> None:
    address = f"s3://{pipeline.at.source_bucket_name}/{key_of(own)}"

    found = darkroom.json("rerun", address, "--no-notify", "--input", '{"pdf": {"margin": 9}}')

    assert found["outcome"] == "COMPLETE"
    assert found["request"]["notify"] is False
    assert found["request"]["pdf"] == {"margin": 9}
    assert newest(pipeline, key_of(own)).arn == found["execution"]


def test_rerun_starts_nothing_that_the_workflow_would_refuse(
    darkroom: Darkroom, pipeline: Pipeline, own: Run
) -> None:
    """The message is the very one that the execution would have failed with."""
    wrong = {"presets": [{"name": "a", "wdth": 3}]}
    source = {"bucket": pipeline.at.source_bucket_name, "key": key_of(own)}
    before = pipeline.executions(source["key"])

    told = darkroom.json("rerun", own.name, "--input", json.dumps(wrong), code=2)

    assert pipeline.executions(source["key"]) == before
    assert told["error"] == "InvalidRequest"
    assert told["message"] == f"InvalidRequest: {pipeline.start({'source': source} | wrong).cause}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--preset", "thumb"], ["name=WIDTHxHEIGHT", "'thumb'"]),
        (["--preset", "a=1x1", "--preset", "a=2x2"], ["presets[1].name repeats 'a'"]),
        (["--input", "nowhere.json"], ["--input", "JSON"]),
        (["--input", "[]"], ["JSON object", "list"]),
        (["--edit"], ["no-such-editor", "EDITOR"]),
    ],
)
def test_rerun_says_what_is_wrong_and_starts_nothing(
    darkroom: Darkroom,
    pipeline: Pipeline,
    good: Run,
    folder: str,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    said: list[str],
) -> None:
    monkeypatch.setenv("EDITOR", "no-such-editor")
    before = pipeline.executions(f"{folder}good.jpg")

    text = darkroom("rerun", good.name, *words, code=2)

    assert all(word in text for word in said)
    assert pipeline.executions(f"{folder}good.jpg") == before


def test_rerun_shows_what_it_would_do_and_stops(
    darkroom: Darkroom, pipeline: Pipeline, bad: Run, folder: str
) -> None:
    text = darkroom("rerun", bad.name, "--newest", "--dry-run")

    assert re.search(r'- +"versionId"', text)
    assert "Nothing is started" in text
    assert len(pipeline.executions(f"{folder}bad.jpg")) == 1


def test_rerun_what_was_uploaded_anew_under_the_same_key(
    darkroom: Darkroom, pipeline: Pipeline
) -> None:
    source = pipeline.put(truncated())
    failed = pipeline.run_of(source)
    first = len(pipeline.executions(source["key"]))
    pipeline.put_at(source["key"], photo())
    until(lambda: True if len(pipeline.executions(source["key"])) > first else None)
    pipeline.wait(pipeline.executions(source["key"])[-1])

    assert darkroom.json("rerun", failed.name, code=1)["error"] == "CorruptImage"
    assert darkroom.json("rerun", failed.name, "--newest")["outcome"] == "COMPLETE"


def test_rerun_from_an_editor(
    darkroom: Darkroom, pipeline: Pipeline, good: Run, tmp_path: Path, monkeypatch: Any
) -> None:
    script = tmp_path / "editor"
    edit = 's/"source"/"notify": false, "source"/'
    script.write_text(f'#!/bin/sh\nsed \'{edit}\' "$1" > "$1.new" && mv "$1.new" "$1"\n')
    script.chmod(0o700)
    monkeypatch.setenv("VISUAL", shlex.quote(str(script)))

    found = darkroom.json("rerun", good.name, "--edit", "--dry-run")

    assert found["request"]["notify"] is False
    assert found["request"]["source"]["key"].endswith("good.jpg")

    script.write_text('#!/bin/sh\necho \'{"source": 3}\' > "$1"\n')
    assert "Expected" in darkroom("rerun", good.name, "--edit", code=2)
    script.write_text("#!/bin/sh\nexit 3\n")
    assert "ended with code 3" in darkroom("rerun", good.name, "--edit", code=2)


# ---------------------------------------------------------------------------- run, presets


def test_run_takes_presets_a_watermark_and_a_version(
    darkroom: Darkroom, pipeline: Pipeline, own: Run
) -> None:
    address = f"s3://{pipeline.at.source_bucket_name}/{key_of(own)}"

    found = darkroom.json(
        "run", address, "--preset", "w=50x", "--watermark", "me", "--version-id", good_version(own)
    )

    assert [(made["width"], made["height"]) for made in found["outputs"][:1]] == [(50, 38)]
    given = newest(pipeline, key_of(own)).input
    assert given["source"]["versionId"] == good_version(own)
    assert given["watermark"] == {"text": "me"}


def test_presets_are_shown_changed_and_checked(
    darkroom: Darkroom, pipeline: Pipeline, tmp_path: Path
) -> None:
    before = darkroom.json("presets", "get")
    assert [each["name"] for each in before["presets"]] == ["small", "medium", "large"]
    wanted = tmp_path / "presets.json"
    wanted.write_text('[{"name": "tiny", "width": 40}]')
    try:
        assert "Nothing is changed" in darkroom("presets", "set", str(wanted), "--dry-run")
        assert darkroom.json("presets", "get") == before

        text = darkroom("presets", "set", str(wanted))
        assert re.search(r'\+ +"name": "tiny"', text)
        assert re.search(r'- +"name": "medium"', text)
        found = darkroom.json("presets", "get")
        assert found["presets"] == [{"name": "tiny", "width": 40}]
        assert found["version"] == before["version"] + 1

        refused = darkroom("presets", "set", '[{"name": "Big"}]', code=2)
        assert "InvalidRequest" in refused
        assert darkroom.json("presets", "get") == found
    finally:
        darkroom("presets", "set", json.dumps(before["presets"]))


def test_presets_that_someone_broke_are_shown_with_what_is_wrong(
    darkroom: Darkroom, pipeline: Pipeline
) -> None:
    name = pipeline.at.presets_parameter_name
    before = pipeline.at.ssm.get_parameter(Name=name)["Parameter"]["Value"]
    pipeline.at.ssm.put_parameter(Name=name, Value='[{"name": "a"}]', Overwrite=True)
    try:
        text = darkroom("presets", "get", code=1)
        assert "width or a height" in text
        assert darkroom.json("presets", "get", code=1)["presets"] == []
        assert re.search(r'- +"\[\{', darkroom("presets", "set", before))
    finally:
        pipeline.at.ssm.put_parameter(Name=name, Value=before, Overwrite=True)


# ---------------------------------------------------------------------------- stop, redrive


def test_stop_ends_an_execution_and_redrive_resumes_it(
    darkroom: Darkroom, pipeline: Pipeline, held: Held
) -> None:
    """One test for the life of one execution."""
    assert "runs" in darkroom("show", held.name)
    assert "still running" in darkroom("redrive", held.name, code=2)

    text = darkroom("stop", held.name, "--reason", "wrong folder")

    run = pipeline.wait(held.arn)
    assert run.status == "ABORTED"
    assert f"darkroom redrive {held.name}" in text
    assert f"darkroom rerun {held.name}" in text
    (alert,) = pipeline.messages(run)
    assert alert["outcome"] == "ABORTED"
    shown = darkroom("show", held.name)
    assert "Try again? Yes: resume it where it stopped" in shown
    assert f"darkroom redrive {held.name}" in shown
    assert "ended already" in darkroom("stop", held.name, code=2)

    held.go.set()
    pipeline.reset()
    resumed = darkroom("redrive", held.name)

    assert "Resumes at Prepare; what succeeded is kept." in resumed
    assert re.search(r"COMPLETE +uploads/", resumed)
    assert pipeline.wait(held.arn).status == "SUCCEEDED"
    again = darkroom.json("show", held.name)
    assert [each["name"] for each in again["states"]].count("ClaimImage") == 1
    assert again["outcome"] == "COMPLETE"
    assert re.search(r"Redriven .* after it had ended", darkroom("show", held.name))


def test_redrive_says_why_a_caught_failure_cannot_be_resumed(
    darkroom: Darkroom, good: Run, bad: Run
) -> None:
    caught = darkroom("redrive", bad.name, code=2)
    assert "ImageFailed" in caught
    assert f"darkroom rerun {bad.name}" in caught

    done = darkroom("redrive", good.name, code=2)
    assert "nothing is left to resume" in done


# ---------------------------------------------------------------------------- cost


def test_cost_adds_up_an_image_and_a_thousand(
    darkroom: Darkroom, good: Run, bad: Run, folder: str
) -> None:
    one = darkroom.json("show", good.name)["cost_usd"]
    found = darkroom.json("cost", "--prefix", f"{folder}bad", "--since", "1h")
    assert list(found["outcomes"]) == ["FAILED"]

    found = darkroom.json("cost", "--prefix", f"{folder}good", "--since", "1h")
    complete = found["outcomes"]["COMPLETE"]
    assert complete["usd_per_1000"] == pytest.approx(complete["usd_each"] * 1000)
    assert found["usd"] == pytest.approx(sum(o["usd"] for o in found["outcomes"].values()))
    assert 0 < complete["usd_each"] < 2 * one
    assert sum(item["usd_each"] for item in complete["items"]) == pytest.approx(
        complete["usd_each"]
    )

    text = darkroom("cost", "--prefix", folder)
    assert re.search(r"Step Functions +[\d.]+ +transitions +\$0\.0", text)
    assert "2026-11-21" in text
    assert "nothing to add up" in darkroom("cost", "--prefix", "nothing/here")


# ---------------------------------------------------------------------------- completion


def test_the_shell_completes_executions_and_outcomes(
    pipeline: Pipeline, good: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offered(typed: str, endpoint: str | None = pipeline.at.endpoint) -> str:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint or "")
        words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
        done = invoke(
            [], prog_name="darkroom", env={"_DARKROOM_COMPLETE": "complete_bash", **words}
        )
        return str(done.stdout)

    assert offered(f"darkroom show {good.name[:9]}").split() == [good.name]
    assert offered("darkroom ls --status comp").split() == ["complete"]
    assert "presets" in offered("darkroom pre")
    out_of_reach = offered(f"darkroom show {good.name[:9]}", "nowhere")
    assert out_of_reach.strip() == ""  # and it does not complain at the prompt
