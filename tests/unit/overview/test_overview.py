"""The figures of a stack: counted on the engine, measured by CloudWatch on AWS."""

from __future__ import annotations

import datetime
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from botocore.stub import Stubber

from darkroom_ops.executions.listed import Filter
from darkroom_ops.overview import metrics, read
from darkroom_ops.overview.figures import SPANS, Bar, failures, percentile, windows
from darkroom_ops.present import words
from tests.support.aws import client
from tests.unit.cli.conftest import ARN, NOON, listed

SECOND = datetime.timedelta(seconds=1)
HOUR, DAY, WEEK = (span.length for span in SPANS)


def ago(time: datetime.timedelta, name: str = "x", **changed: Any) -> Any:
    return listed(name, started=NOON - time, stopped=NOON - time, **changed)


def failed(time: datetime.timedelta, error: str | None = "CorruptImage", **changed: Any) -> Any:
    return ago(time, outcome="FAILED", status="FAILED", error=error, **changed)


@pytest.mark.parametrize(
    ("values", "percent", "found"),
    [
        ([], 50, None),
        ([3.0], 95, 3.0),
        ([4.0, 1.0, 3.0, 2.0], 50, 2.0),
        (list(range(1, 101)), 95, 95),
        (list(range(1, 102)), 95, 96),
    ],
)
def test_percentiles(values: list[float], percent: int, found: float | None) -> None:
    assert percentile(values, percent) == found


def test_a_window_counts_what_started_in_it() -> None:
    hour, day, week = windows(
        [
            ago(-SECOND),  # by a clock that is ahead
            ago(HOUR, seconds=10.0, usd=0.25),  # the oldest of the hour
            failed(HOUR + SECOND, usd=0.25),
            ago(DAY + SECOND, outcome="ALREADY_PROCESSED", usd=None),
            ago(SECOND, outcome=None, status="RUNNING", usd=None),
            ago(WEEK + SECOND),
        ],
        NOON,
    )

    assert [(w.started, w.complete, w.failed) for w in (hour, day, week)] == [
        (3, 2, 0), (4, 2, 1), (5, 2, 1),
    ]  # fmt: skip
    assert (hour.p50, hour.p95) == (2.0, 10.0)
    assert [w.usd for w in (hour, day)] == [pytest.approx(0.2505), pytest.approx(0.5005)]
    assert [len(w.bars) for w in (hour, day, week)] == [12, 24, 28]
    assert (hour.bars[0], hour.bars[1], hour.bars[-1]) == (Bar(1, 1), Bar(), Bar(2, 1))
    assert day.bars[-2:] == (Bar(1, 0, 1), Bar(3, 2))


def test_half_and_all_but_a_twentieth_took_no_longer() -> None:
    (hour, *_) = windows([ago(SECOND, seconds=float(n)) for n in range(1, 101)], NOON)
    assert (hour.p50, hour.p95) == (50, 95)


def test_a_span_is_what_since_takes() -> None:
    for span in SPANS:
        passed = datetime.datetime.now(datetime.UTC) - words.since(span.since)
        assert abs(passed - span.length) < 60 * SECOND


def test_a_cost_that_nobody_knows_is_not_nothing() -> None:
    assert windows([ago(SECOND, usd=None)], NOON)[0].usd is None
    assert windows([], NOON)[0].usd == 0


def test_what_runs_has_no_cost_yet() -> None:
    running = ago(HOUR / 2, status="RUNNING", outcome=None, usd=None)
    assert [each.usd for each in windows([running], NOON)] == [0, 0, 0]


def test_failures_are_counted_by_their_error_the_most_frequent_first() -> None:
    found = failures(
        [
            failed(SECOND),
            failed(HOUR + SECOND, "AccessDenied"),
            failed(DAY + SECOND, "AccessDenied"),
            ago(SECOND, status="TIMED_OUT", outcome="FAILED"),
            failed(SECOND, "Aborted"),
            failed(WEEK + SECOND, "Old"),
            ago(SECOND),
        ],
        NOON,
    )

    assert [(each.error, each.counts) for each in found] == [
        ("AccessDenied", {"day": 1, "week": 2}),
        ("Aborted", {"hour": 1, "day": 1, "week": 1}),
        ("CorruptImage", {"hour": 1, "day": 1, "week": 1}),
        ("TIMED_OUT", {"hour": 1, "day": 1, "week": 1}),
    ]


def test_cloudwatch_gives_the_figures_on_aws() -> None:
    cloudwatch = client("cloudwatch")
    at: Any = SimpleNamespace(cloudwatch=cloudwatch, state_machine_arn="machine")

    def result(name: str, *values: tuple[datetime.timedelta, float]) -> dict[str, Any]:
        times = [NOON - age for age, _ in values]
        return {"Id": name, "Timestamps": times, "Values": [value for _, value in values]}

    with Stubber(cloudwatch) as stub:
        for span in SPANS:
            answer = [
                # CloudWatch's own period began before ours: it belongs to the first bar.
                result(
                    "executionsStarted",
                    (span.length + SECOND, 7),
                    (span.length / 2 + SECOND, 3),
                    (0 * SECOND, 5),
                ),
                result("executionsSucceeded", (SECOND, 4)),
                result("executionsFailed", (SECOND, 2)),
                result("executionsTimedOut", (SECOND, 1)),
                result("executionsAborted", (SECOND, 1)),
                result("p50", (span.length, 1500), (SECOND, 2500)),
                result("p95", (SECOND, 9000)),
            ]
            asked = {
                "MetricDataQueries": metrics._asked(at, span),
                "StartTime": NOON - span.length,
                "EndTime": NOON,
                "ScanBy": "TimestampAscending",
            }
            stub.add_response("get_metric_data", {"MetricDataResults": answer}, asked)
        hour, *_, week = metrics.windows(at, NOON, 0.5)

    assert (hour.started, hour.complete, hour.failed) == (15, 4, 4)
    assert [bar for bar in hour.bars if bar != Bar()] == [Bar(7), Bar(3), Bar(5, 4, 4)]
    assert (hour.bars[0], hour.bars[5], hour.bars[-1]) == (Bar(7), Bar(3), Bar(5, 4, 4))
    assert (hour.p50, hour.p95, hour.usd) == (2.5, 9.0, 7.5)
    nothing = metrics._window({}, SPANS[0], NOON, None)
    assert (nothing.p50, nothing.p95, nothing.usd, nothing.started) == (None, None, None, 0)
    assert len(week.bars) == 28
    queries = metrics._asked(at, SPANS[0])
    of = [{"Name": "StateMachineArn", "Value": "machine"}]
    assert [q["MetricStat"]["Metric"] for q in queries] == [
        {"Namespace": "AWS/States", "MetricName": name, "Dimensions": of}
        for name in (
            "ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut",
            "ExecutionsAborted", "ExecutionTime", "ExecutionTime",
        )
    ]  # fmt: skip
    assert [(q["Id"], q["MetricStat"]["Stat"], q["MetricStat"]["Period"]) for q in queries] == [
        ("executionsStarted", "Sum", 300), ("executionsSucceeded", "Sum", 300),
        ("executionsFailed", "Sum", 300), ("executionsTimedOut", "Sum", 300),
        ("executionsAborted", "Sum", 300), ("p50", "p50", 3600), ("p95", "p95", 3600),
    ]  # fmt: skip


class Stack:
    """A stack on AWS with some executions, of which one has left its claim behind."""

    def __init__(self, undo: ExitStack) -> None:
        now = datetime.datetime.now(datetime.UTC)
        old = now - datetime.timedelta(minutes=5)
        of = {"status": "ABORTED", "outcome": "FAILED", "error": "Stopped", "started": old}
        self.items = [
            listed("stuck", **of, stopped=old),
            listed("released", **of, stopped=old),
            listed("taken-over", **of, stopped=old),
            listed("just-ended", **of, stopped=now),
            listed("complete", usd=0.25, started=old),
            listed("complete-too", usd=0.75, started=old),
            listed("unpriced", usd=None, started=old),
        ]
        self.asked: list[str] = []
        self.since: list[datetime.datetime | None] = []
        self.refuses: Exception | None = None
        sqs = client("sqs")
        stub = undo.enter_context(Stubber(sqs))
        said = {"QueueArn": "q", "ApproximateNumberOfMessages": "2"}
        stub.add_response(
            "get_queue_attributes",
            {"Attributes": said | {"ApproximateNumberOfMessagesNotVisible": "1"}},
        )
        self.at: Any = SimpleNamespace(
            endpoint=None, outputs={}, stack="photos", region="us-east-1",
            stack_id="stack", source_bucket_name="bucket", output_bucket_name="out",
            images_table_name="images",
            events_dead_letter_queue_url="https://q", sqs=sqs, state_machine_arn="machine",
            alarms_topic_arn="arn:aws:sns:us-east-1:123456789012:photos-alarms",
            presets_parameter_name="presets",
            ssm=SimpleNamespace(get_parameter=self._presets),
            cloudwatch=SimpleNamespace(get_paginator=self._paginator),
            dynamodb=SimpleNamespace(batch_get_item=self._records),
        )  # fmt: skip

    def each(
        self,
        *,
        only: Filter = Filter(),  # noqa: B008 - it cannot change
        since: datetime.datetime | None = None,
        costs: bool = True,
    ) -> Any:
        if self.refuses is not None:
            raise self.refuses
        assert costs is (self.at.endpoint is not None), "on AWS a price takes a request"
        self.since.append(only.since or since)
        return filter(only.wants, self.items)

    def typical_usd(self) -> float:
        return 0.5

    def _paginator(self, name: str) -> Any:
        def refuse(**_: Any) -> Any:
            message = f"u is not authorized to perform: cloudwatch:{name}"
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": message}}, name)

        alarm = {"AlarmName": "photos-slow", "StateValue": "ALARM", "StateReason": "late"}
        quiet = {"AlarmName": "photos-failing", "StateValue": "OK"}
        pages = [{"MetricAlarms": [alarm, quiet]}]
        return SimpleNamespace(paginate=refuse if name == "get_metric_data" else lambda **_: pages)

    def _presets(self, **_: Any) -> Any:
        return {"Parameter": {"Value": '[{"name": "small", "width": 300}]', "Version": 4}}

    def _records(self, *, RequestItems: Any) -> Any:  # noqa: N803 - as boto3 names it
        found = []
        for key in RequestItems["images"]["Keys"]:
            image = key["image"]["S"]
            self.asked.append(image)
            name = image.rpartition("/")[2].removesuffix(".jpg")
            status = "FAILED" if name == "released" else "IN_PROGRESS"
            by = "another" if name == "taken-over" else name
            found.append(
                {"image": {"S": image}, "status": {"S": status}, "execution": {"S": ARN + by}}
            )
        return {"Responses": {"images": found}}


@pytest.fixture
def stack(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DARKROOM_HOME", str(tmp_path))
    with ExitStack() as undo:
        yield Stack(undo)


def test_what_may_not_be_read_hides_nothing_else(
    stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "last", lambda at: f"the audit of {at.stack}")
    seen = read.overview(stack.at, stack)

    assert seen.windows is None
    assert seen.unknown == {
        "figures": "Could not look at figures: needs cloudwatch:get_metric_data."
    }
    assert seen.dead_letters == 3
    assert seen.alarms == ("The alarm photos-slow rings: late",)
    assert seen.presets is not None
    assert (seen.presets.version, seen.presets.presets[0].name) == (4, "small")
    assert [(each.error, each.counts["hour"]) for each in seen.failures or ()] == [("Stopped", 4)]
    assert (seen.counted_by_aws, seen.failures_cut) == (True, False)
    assert seen.audit == "the audit of photos"


def test_a_claim_that_nobody_released_is_found_without_reading_the_table(stack: Any) -> None:
    seen = read.overview(stack.at, stack)

    assert [each.image for each in seen.stuck or ()] == ["s3://bucket/uploads/stuck.jpg"]
    # Notify has a minute to release what has just ended.
    assert stack.asked == [f"bucket/uploads/{n}.jpg" for n in ("released", "stuck", "taken-over")]


def test_a_claim_may_still_be_released_for_a_minute(stack: Any) -> None:
    def stuck(ago: float, **changed: Any) -> int:
        stopped = NOON - datetime.timedelta(seconds=ago)
        return len(read._stuck(stack.at, [listed("stuck", stopped=stopped, **changed)], NOON))

    assert [stuck(60), stuck(60.001), stuck(61, source=None)] == [0, 1, 0]
    assert read._stuck(stack.at, [listed("stuck", stopped=None)], NOON) == ()


def test_of_several_failures_of_an_image_the_newest_may_have_left_its_claim(stack: Any) -> None:
    ended = NOON - datetime.timedelta(minutes=5)
    newest = listed("stuck", stopped=ended)
    before = msgspec.structs.replace(newest, arn=ARN + "before")

    for failed, stuck in (([newest, before], [newest.arn]), ([before, newest], [])):
        assert [each.execution for each in read._stuck(stack.at, failed, NOON)] == stuck


def test_the_engine_is_counted_exactly(stack: Any) -> None:
    stack.at.endpoint = "http://localhost:4566"
    seen = read.overview(stack.at, stack)

    assert seen.windows is not None
    assert [(w.started, w.complete, w.failed) for w in seen.windows] == [(7, 3, 4)] * 3
    assert seen.windows[0].usd == pytest.approx(1.0 + 4 * 0.0005)
    assert [(each.error, each.counts["hour"]) for each in seen.failures or ()] == [("Stopped", 4)]
    assert (seen.counted_by_aws, seen.failures_cut, seen.unknown) == (False, False, {})
    assert seen.stopped is False
    assert len(seen.stuck or ()) == 1
    assert stack.since == [seen.at - WEEK]


@pytest.mark.parametrize(
    ("endpoint", "most", "cut"),
    [(None, 4, True), (None, 5, False), ("http://localhost:4566", 4, False)],
)
def test_on_aws_so_many_failures_are_looked_at(
    stack: Any, monkeypatch: pytest.MonkeyPatch, endpoint: str | None, most: int, cut: bool
) -> None:
    monkeypatch.setattr(read, "FAILED_AT_MOST", most)
    stack.at.endpoint = endpoint
    seen = read.overview(stack.at, stack)

    assert seen.failures_cut is cut
    assert stack.since == [seen.at - WEEK]


@pytest.mark.parametrize(
    ("endpoint", "what"), [(None, "failures"), ("http://localhost:4566", "executions")]
)
def test_where_no_execution_may_be_listed_the_rest_is_told(
    stack: Any, endpoint: str | None, what: str
) -> None:
    stack.at.endpoint = endpoint
    stack.refuses = ClientError({"Error": {"Code": "Slow", "Message": "Ask later."}}, "ListX")
    seen = read.overview(stack.at, stack)

    assert (seen.windows, seen.failures, seen.stuck) == (None, None, None)
    assert "Ask later." in seen.unknown[what]
    assert ("figures" in seen.unknown) is (endpoint is None)  # an engine's are of its list
    assert seen.dead_letters == 3


def test_a_stack_that_lists_nothing_says_why(stack: Any) -> None:
    stack.at.endpoint = "http://localhost:4566"
    code = {"Code": "StateMachineTypeNotSupported", "Message": "no"}
    stack.refuses = ClientError({"Error": code}, "ListExecutions")
    assert "runs Express workflows" in read.overview(stack.at, stack).unknown["executions"]


def test_without_a_network_nothing_is_told_of_aws(stack: Any) -> None:
    stack.refuses = ConnectTimeoutError(endpoint_url="https://states")
    with pytest.raises(ConnectTimeoutError):
        read.overview(stack.at, stack)
    stack.at.endpoint = "http://localhost:4566"
    assert "https://states" in read.overview(stack.at, stack).unknown["executions"]


def test_what_is_stopped_is_told_as_far_as_it_came(stack: Any) -> None:
    def stopped(**_: Any) -> Any:
        raise KeyboardInterrupt

    stack.at.endpoint = "http://localhost:4566"
    told: list[str] = []
    stack.at.cloudwatch.get_paginator = lambda _: SimpleNamespace(paginate=stopped)
    seen = read.overview(stack.at, stack, told.append)

    assert told == ["executions", "figures", "dead letters", "alarms"]
    assert seen.windows is not None
    assert (seen.dead_letters, seen.stopped) == (3, True)
    assert (seen.alarms, seen.stuck, seen.presets) == (None, None, None)
    for what in ("alarms", "stuck claims", "presets"):
        assert seen.unknown[what] == "not looked at: stopped with Ctrl-C"


def test_presets_that_are_none_are_told_as_such(stack: Any) -> None:
    stack.at.ssm.get_parameter = lambda **_: {"Parameter": {"Value": "[{}]", "Version": 4}}
    seen = read.overview(stack.at, stack)

    assert seen.presets is None
    assert "name" in seen.unknown["presets"]


def test_a_stack_of_an_older_version_may_lack_an_output(stack: Any) -> None:
    class Older(SimpleNamespace):
        def __getattr__(self, name: str) -> str:
            raise AttributeError(f"The stack 'photos' has no output {name}.")

    given = {k: v for k, v in vars(stack.at).items() if k != "alarms_topic_arn"}

    seen = read.overview(Older(**given), stack)  # type: ignore[arg-type]

    assert seen.alarms is None
    assert "alarms_topic_arn. Deploy this version" in seen.unknown["alarms"]
    assert seen.dead_letters == 3
