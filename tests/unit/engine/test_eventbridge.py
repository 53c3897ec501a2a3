"""Delivery of events: who gets what, how often it is tried, what becomes of what nobody takes."""

from __future__ import annotations

import datetime
import io
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from darkroom_ops.engine import eventbridge
from darkroom_ops.engine.eventbridge import EventRouter, Undelivered
from tests.support.pipeline import until

Json = dict[str, Any]

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:pipeline"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:notify"
TOPIC = "arn:aws:sns:us-east-1:123456789012:alerts"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:letters"
RULE = "arn:aws:events:us-east-1:123456789012:rule/uploads"
EVENT: Json = {"source": "aws.s3", "detail": {"key": "é\ud800.jpg"}}
"""With half of a surrogate pair, which is no text."""


def error(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Any")


@dataclass
class Pattern:
    matches: bool = True

    def matches_event(self, event: Json) -> bool:
        return self.matches and event == EVENT


@dataclass
class Rule:
    targets: list[Json]
    arn: str = RULE
    state: str = "ENABLED"
    event_pattern: Pattern = field(default_factory=Pattern)


class Aws:
    """Every client in one: it writes down what it is asked for, and fails as it is told."""

    def __init__(self) -> None:
        self.calls: list[Json] = []
        self.failures: list[ClientError] = []
        self.function_errors: list[Json | None] = []
        self.during_start: Callable[[str], None] = lambda _: None
        self.lock = threading.Lock()

    def _call(self, **call: Any) -> None:
        with self.lock:
            self.calls.append(call)
            if self.failures:
                raise self.failures.pop(0)

    def start_execution(self, **given: Any) -> Json:
        self._call(start=given)
        arn = f"execution-{len(self.calls)}"
        self.during_start(arn)
        return {"executionArn": arn}

    def publish(self, **given: Any) -> None:
        self._call(publish=given)

    def get_queue_url(self, **given: Any) -> Json:
        return {"QueueUrl": f"https://queue/{given['QueueName']}"}

    def send_message(self, **given: Any) -> None:
        self._call(send=given)

    def invoke(self, **given: Any) -> Json:
        self._call(invoke=given)
        failed = self.function_errors.pop(0) if self.function_errors else None
        done: Json = {"ResponseMetadata": {"RequestId": f"request-{len(self.calls)}"}}
        if failed is not None:
            done |= {
                "FunctionError": "Unhandled",
                "Payload": io.BytesIO(json.dumps(failed).encode()),
            }
        return done


class Authorizer:
    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.asked: list[tuple[str, str, str]] = []

    def check_delivery(self, rule: str, target: Mapping[str, Any]) -> None:
        self.asked.append(("deliver", rule, target["Arn"]))
        if "deliver" in self.refused:
            raise error("AccessDeniedException")

    def rule_may_send(self, rule: str, queue: str) -> bool:
        self.asked.append(("dead letter", rule, queue))
        return "dead letter" not in self.refused

    def function_may_send(self, function: str, queue: str) -> bool:
        self.asked.append(("send", function, queue))
        return "send" not in self.refused


class World:
    """A router with everything around it."""

    def __init__(self) -> None:
        self.aws, self.authorizer = Aws(), Authorizer()
        self.rules: list[Rule] = []
        self.dead_letters: dict[str, str] = {"notify": QUEUE}
        self.waits: list[float] = []
        self.during_wait: Callable[[], None] = lambda: None
        self.router = EventRouter(
            rules=lambda: self.rules,
            deployment=SimpleNamespace(  # type: ignore[arg-type]
                stepfunctions=self.aws, sns=self.aws, sqs=self.aws, lambda_=self.aws
            ),
            transform=lambda transformer, event: {"made": [transformer, event]},
            authorizer=self.authorizer,
            dead_letters=self.dead_letters.get,
            wait=self.wait,
        )

    def wait(self, seconds: float) -> None:
        self.waits.append(round(seconds, 3))
        self.during_wait()

    def deliver(self, *targets: Json) -> list[Json]:
        """Send the event to targets and return the calls, once all are made."""
        self.rules = [Rule([target]) for target in targets]
        self.router.put(EVENT)
        self.finish()
        return self.aws.calls

    def finish(self) -> None:
        self.router._executor.shutdown(wait=True)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.router.close()


def letter(call: Json) -> tuple[Any, dict[str, str]]:
    """Return what lies in the dead-letter queue: the body, and the attributes as text."""
    sent = call["send"]
    assert sent["QueueUrl"] == "https://queue/letters"
    attributes = sent["MessageAttributes"]
    assert {each["DataType"] for each in attributes.values()} <= {"String"}
    return json.loads(sent["MessageBody"]), {
        name: each["StringValue"] for name, each in attributes.items()
    }


# ---------------------------------------------------------------------------- who gets what

BODY = r'{"source": "aws.s3", "detail": {"key": "é\ud800.jpg"}}'


@pytest.mark.parametrize(
    ("arn", "call"),
    [
        (FUNCTION, {"invoke": {"FunctionName": FUNCTION, "Payload": BODY.encode()}}),
        (TOPIC, {"publish": {"TopicArn": TOPIC, "Message": BODY}}),
        (
            QUEUE,
            {
                "send": {
                    "QueueUrl": "https://queue/letters",
                    "MessageBody": BODY,
                    "MessageAttributes": {},
                }
            },
        ),
    ],
    ids=["function", "topic", "queue"],
)
def test_a_target_gets_the_event(world: World, arn: str, call: Json) -> None:
    assert world.deliver({"Arn": arn}) == [call]
    assert world.authorizer.asked == [("deliver", RULE, arn)]
    assert world.router.idle()
    assert [seconds for seconds in world.waits if seconds] == []


def test_a_permission_that_is_taken_away_meanwhile_ends_all_trying(world: World) -> None:
    world.aws.failures = [error("InternalServerError")]
    world.during_wait = lambda: world.authorizer.refused.add("deliver")
    _, sent = world.deliver({"Arn": TOPIC, "DeadLetterConfig": {"Arn": QUEUE}})
    _, attributes = letter(sent)
    assert (attributes["ERROR_CODE"], attributes["RETRY_ATTEMPTS"]) == (
        "AccessDeniedException",
        "1",
    )
    assert "EXHAUSTED_RETRY_CONDITION" not in attributes


def test_a_machine_gets_the_event_and_holds_its_place_until_the_execution_ends(
    world: World,
) -> None:
    started = threading.Event()
    world.aws.during_start = lambda _: started.set()
    world.rules = [Rule([{"Arn": MACHINE}])]
    world.router.put(EVENT)
    assert started.wait(120)
    assert world.aws.calls == [{"start": {"stateMachineArn": MACHINE, "input": BODY}}]
    assert not world.router.idle()
    world.router.execution_ended("execution-1")
    world.finish()
    assert world.router.idle()
    assert len(world.aws.calls) == 1


def test_an_execution_that_ended_before_its_start_was_answered_holds_nothing(world: World) -> None:
    world.aws.during_start = world.router.execution_ended
    world.deliver({"Arn": MACHINE})
    assert world.router.idle()
    assert world.router._ended == {}


def test_such_an_end_is_known_for_as_long_as_a_start_is_not_answered(world: World) -> None:
    early, answer = threading.Event(), threading.Event()

    def during_start(arn: str) -> None:
        if arn == "execution-1":
            world.router.execution_ended(arn)
            early.set()
            answer.wait(60)
        early.wait(60)

    world.aws.during_start = during_start
    world.rules = [Rule([{"Arn": MACHINE}] * 2)]
    world.router.put(EVENT)
    until(
        lambda: (list(world.router._ended), world.router._starting) == (["execution-2"], 1) or None
    )
    answer.set()
    until(lambda: world.router._starting == 0 or None)
    assert list(world.router._ended) == ["execution-2"]


def test_the_end_of_an_execution_that_no_event_started_leaves_nothing(world: World) -> None:
    world.aws.during_start = lambda _: world.router.execution_ended("another")
    world.router.execution_ended("one more")
    assert world.router._ended_early == set()
    world.rules = [Rule([{"Arn": MACHINE}])]
    world.router.put(EVENT)
    until(lambda: "execution-1" in world.router._ended or None)
    world.router.execution_ended("execution-1")
    world.finish()
    assert world.router._ended == {}
    assert world.router._ended_early == set()


def test_only_so_many_executions_run_at_once(world: World) -> None:
    """The next starts as soon as one ends."""
    several = threading.Semaphore(0)
    world.aws.during_start = lambda _: several.release()
    world.rules = [Rule([{"Arn": MACHINE}] * (eventbridge.MAX_STARTED + 1))]
    world.router.put(EVENT)
    for _ in range(eventbridge.MAX_STARTED):
        assert several.acquire(timeout=10)
    assert len(world.aws.calls) == 12
    world.router.execution_ended("execution-1")
    assert several.acquire(timeout=10)
    assert len(world.aws.calls) == 13
    world.router.close()
    world.finish()


def test_an_input_transformer_makes_the_input(world: World) -> None:
    transformer = {"InputTemplate": "<a>"}
    (call,) = world.deliver({"Arn": TOPIC, "InputTransformer": transformer})
    assert json.loads(call["publish"]["Message"]) == {"made": [transformer, EVENT]}


def test_every_target_of_every_rule_that_matches_gets_it(world: World) -> None:
    world.rules = [
        Rule([{"Arn": FUNCTION}, {"Arn": TOPIC}]),
        Rule([{"Arn": "arn:aws:sns:r:1:off"}], state="DISABLED"),
        Rule([{"Arn": "arn:aws:sns:r:1:other"}], event_pattern=Pattern(matches=False)),
        Rule([{"Arn": QUEUE}]),
    ]
    world.router.put(EVENT)
    world.finish()
    assert sorted(next(iter(call)) for call in world.aws.calls) == ["invoke", "publish", "send"]
    assert {arn for _, _, arn in world.authorizer.asked} == {FUNCTION, TOPIC, QUEUE}


def test_what_cannot_be_delivered_at_all_is_said(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.deliver({"Arn": "arn:aws:firehose:us-east-1:123456789012:deliverystream/x"})
    (record,) = caplog.records
    assert record.message == "an event could not be delivered"
    assert record.exc_info is not None
    said = str(record.exc_info[1])
    assert said.startswith("The engine delivers events to Step Functions, Lambda, SNS and SQS, not")
    assert said.endswith("deliverystream/x.")


@pytest.mark.parametrize("arn", [MACHINE, TOPIC])
def test_an_event_is_undelivered_until_its_target_has_it(world: World, arn: str) -> None:
    """A machine has it as soon as its execution is there."""
    world.aws.failures = [error("Throttling")]
    told: list[Undelivered] = []
    world.during_wait = lambda: told.extend(world.router.undelivered().values())
    world.rules = [Rule([{"Arn": arn, "Id": "first"}])]
    world.router.put(EVENT)
    until(lambda: len(world.aws.calls) == 2 or None)
    until(lambda: world.router.undelivered() == {} or None, seconds=10)
    assert told == [Undelivered(EVENT, RULE, "first")]
    assert world.router.idle() == (arn == TOPIC)


@pytest.mark.parametrize(
    ("again", "calls"),
    [
        (Undelivered(EVENT, RULE, "second"), ["publish"]),
        (Undelivered(EVENT, RULE, "gone"), []),
        (Undelivered(EVENT, "gone", "second"), []),
        (Undelivered("{}", function=FUNCTION), ["invoke"]),
    ],
)
def test_what_an_earlier_router_had_not_delivered_goes_to_its_own_target(
    world: World, again: Undelivered, calls: list[str]
) -> None:
    world.rules = [Rule([{"Arn": QUEUE, "Id": "first"}, {"Arn": TOPIC, "Id": "second"}])]
    world.router.deliver(again)
    world.finish()
    assert [next(iter(call)) for call in world.aws.calls] == calls


# ---------------------------------------------------------------------------- EventBridge's retries


@pytest.mark.parametrize("failures", [1, 2, 3])
def test_a_target_that_fails_for_a_while_gets_it_at_last(world: World, failures: int) -> None:
    world.aws.failures = [error("Throttling")] * failures
    calls = world.deliver({"Arn": TOPIC})
    assert len(calls) == failures + 1
    assert world.waits == [0.2, 0.4, 0.8][:failures]


def test_what_fails_four_times_is_buried_with_the_reason(world: World) -> None:
    world.aws.failures = [error("Throttling", "slow down")] * 4
    target = {"Arn": TOPIC, "DeadLetterConfig": {"Arn": QUEUE}, "InputTransformer": {"any": "one"}}
    *tries, buried = world.deliver(target)
    assert len(tries) == 4
    assert world.waits == [0.2, 0.4, 0.8]
    assert letter(buried) == (
        EVENT,
        {
            "RULE_ARN": RULE,
            "TARGET_ARN": TOPIC,
            "ERROR_CODE": "Throttling",
            "ERROR_MESSAGE": "slow down",
            "RETRY_ATTEMPTS": "3",
            "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        },
    )
    assert r"é\ud800.jpg" in buried["send"]["MessageBody"]
    assert world.authorizer.asked[-1] == ("dead letter", RULE, QUEUE)


@pytest.mark.parametrize(
    "code",
    [
        "AccessDeniedException",
        "AuthorizationError",
        "NotFound",
        "ResourceNotFoundException",
        "StateMachineDoesNotExist",
    ],
)
def test_what_no_retry_can_help_is_buried_at_once(world: World, code: str) -> None:
    world.aws.failures = [error(code, "")]
    calls = world.deliver({"Arn": TOPIC, "DeadLetterConfig": {"Arn": QUEUE}})
    _, attributes = letter(calls[-1])
    assert len(calls) == 2
    assert world.waits == []
    assert attributes == {
        "RULE_ARN": RULE,
        "TARGET_ARN": TOPIC,
        "ERROR_CODE": code,
        "ERROR_MESSAGE": "-",  # SQS takes no empty value
        "RETRY_ATTEMPTS": "0",
    }


def test_a_rule_without_the_right_delivers_nothing(world: World) -> None:
    world.authorizer.refused = {"deliver"}
    (call,) = world.deliver({"Arn": TOPIC, "DeadLetterConfig": {"Arn": QUEUE}})
    assert letter(call)[1]["ERROR_CODE"] == "AccessDeniedException"


def test_an_event_that_no_queue_takes_is_lost_aloud(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.authorizer.refused = {"deliver", "dead letter"}
    assert world.deliver({"Arn": TOPIC}, {"Arn": TOPIC, "DeadLetterConfig": {"Arn": QUEUE}}) == []
    assert sorted(record.message for record in caplog.records) == [
        f"an event was lost: {RULE} may not send to {QUEUE}",
        f"an event was lost: {TOPIC} has no dead-letter queue",
    ]


# ---------------------------------------------------------------------------- Lambda's retries

FAILED = {"errorType": "AccessDenied", "errorMessage": "no topic"}


@pytest.mark.parametrize("failures", [1, 2])
def test_a_function_that_fails_is_invoked_up_to_twice_more(world: World, failures: int) -> None:
    world.aws.function_errors = [FAILED] * failures
    calls = world.deliver({"Arn": FUNCTION})
    assert [next(iter(call)) for call in calls] == ["invoke"] * (failures + 1)
    assert world.waits == [0, 0.2, 0.4][: failures + 1]


def test_what_a_function_fails_on_three_times_is_buried_by_lambda(world: World) -> None:
    """With Lambda's attributes, and in the rights of the function's own role."""
    world.aws.function_errors = [FAILED] * 3
    *tries, buried = world.deliver({"Arn": FUNCTION})
    assert [next(iter(call)) for call in tries] == ["invoke"] * 3
    assert len({call["invoke"]["Payload"] for call in tries}) == 1
    assert letter(buried) == (
        EVENT,
        {"RequestID": "request-3", "ErrorCode": "200", "ErrorMessage": "AccessDenied: no topic"},
    )
    assert world.authorizer.asked[-1] == ("send", "notify", QUEUE)
    assert world.waits == [0, 0.2, 0.4]


def test_a_long_error_is_cut_to_what_an_attribute_holds(world: World) -> None:
    world.aws.function_errors = [FAILED | {"errorMessage": "x" * 2000}] * 3
    said = letter(world.deliver({"Arn": FUNCTION})[-1])[1]["ErrorMessage"]
    assert (len(said), said[:15]) == (1024, "AccessDenied: x")


def test_what_a_function_fails_on_is_lost_aloud_without_a_queue_or_its_right(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    other = FUNCTION.replace("notify", "other")
    world.authorizer.refused = {"send"}
    world.aws.function_errors = [FAILED] * 6
    calls = world.deliver({"Arn": FUNCTION}, {"Arn": other})
    assert [next(iter(call)) for call in calls] == ["invoke"] * 6
    assert sorted(record.message for record in caplog.records) == [
        f"an event was lost: {other} has no dead-letter queue",
        f"an event was lost: the role of {FUNCTION} may not send to {QUEUE}",
    ]


def test_a_function_that_cannot_be_invoked_is_eventbridges_to_retry(world: World) -> None:
    world.aws.failures = [error("TooManyRequestsException")]
    assert len(world.deliver({"Arn": FUNCTION})) == 2
    assert world.waits == [0, 0.2, 0]


# ---------------------------------------------------------------------------- closing


def test_nothing_is_delivered_after_closing(world: World) -> None:
    world.router.close()
    world.rules = [Rule([{"Arn": TOPIC}])]
    world.router.put(EVENT)
    assert world.aws.calls == []
    assert world.router.idle()


def test_closing_ends_the_waits_for_executions(world: World) -> None:
    started = threading.Event()
    world.aws.during_start = lambda _: started.set()
    world.rules = [Rule([{"Arn": MACHINE}])]
    world.router.put(EVENT)
    assert started.wait(120)
    world.router.close()
    world.finish()
    assert world.router.idle()


def test_an_execution_that_starts_while_the_router_closes_is_not_waited_for(world: World) -> None:
    world.aws.during_start = lambda _: world.router.close()
    world.rules = [Rule([{"Arn": MACHINE}])]
    world.router.put(EVENT)
    world.finish()
    assert world.router.idle()


def test_closing_ends_the_retries_and_buries_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.during_wait = world.router.close
    world.aws.failures = [error("Throttling")] * 9
    assert len(world.deliver({"Arn": TOPIC, "DeadLetterConfig": {"Arn": QUEUE}})) == 1
    assert caplog.records == []


def test_closing_ends_lambdas_retries_and_buries_nothing(world: World) -> None:
    world.aws.function_errors = [FAILED] * 9
    world.during_wait = world.router.close
    assert [next(iter(call)) for call in world.deliver({"Arn": FUNCTION})] == ["invoke"]


def test_what_breaks_while_closing_is_not_reported(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The services that it needed are going, too."""

    def breaks(_: str) -> None:
        world.router.close()
        raise OSError

    world.aws.during_start = breaks
    world.deliver({"Arn": MACHINE})
    assert caplog.records == []


def test_what_waits_is_dropped_by_closing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.router._executor.shutdown()
    world.router._executor = ThreadPoolExecutor(1)
    started = threading.Event()
    world.aws.during_start = lambda _: started.set()
    world.rules = [Rule([{"Arn": MACHINE}, {"Arn": TOPIC}])]
    world.router.put(EVENT)
    assert started.wait(120)
    world.router.close()
    world.finish()
    assert [next(iter(call)) for call in world.aws.calls] == ["start"]
    assert world.router.idle()
    assert caplog.records == []


# ---------------------------------------------------------------------------- the events themselves


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime.datetime(2026, 1, 31, 12, 0, 1, tzinfo=datetime.UTC).timestamp()
    monkeypatch.setattr(eventbridge.time, "time", lambda: moment)
    monkeypatch.setattr(eventbridge.time, "time_ns", lambda: 0xABC)


def created(**changes: Any) -> Json:
    given: Json = {
        "account": "123456789012", "region": "eu-west-1", "bucket": "photos", "key": "a b.jpg",
        "size": 7, "etag": "e7a9", "version": None, "reason": "Put",
    }  # fmt: skip
    return eventbridge.object_created(**(given | changes))


def test_an_object_created_event_is_s3s(at_noon: None) -> None:
    event = created()
    request, sequencer = (
        event["detail"].pop("request-id"),
        event["detail"]["object"].pop("sequencer"),
    )
    assert event.pop("id") != created()["id"]
    assert event == {
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "time": "2026-01-31T12:00:01Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:s3:::photos"],
        "detail": {
            "version": "0",
            "bucket": {"name": "photos"},
            "object": {"key": "a b.jpg", "size": 7, "etag": "e7a9"},
            "requester": "123456789012",
            "source-ip-address": "127.0.0.1",
            "reason": "PutObject",
        },
    }
    assert (len(request), request) == (16, request.upper())
    assert (len(sequencer), sequencer[:16]) == (20, "0000000000000ABC")


def test_sequencers_grow_even_within_one_tick_of_the_clock(at_noon: None) -> None:
    first, second = (created()["detail"]["object"]["sequencer"] for _ in range(2))
    assert int(second, 16) - int(first, 16) in {1, 1 - 0x10000}


def test_a_version_is_told_in_a_versioned_bucket() -> None:
    assert created(version="v1")["detail"]["object"]["version-id"] == "v1"
    assert "version-id" not in created()["detail"]["object"]


@pytest.mark.parametrize(
    ("last_part", "reason"),
    [
        ("Post", "POST Object"),
        ("Copy", "CopyObject"),
        ("CompleteMultipartUpload", "CompleteMultipartUpload"),
        ("Later", "Later"),
    ],
)
def test_reasons_are_s3s(last_part: str, reason: str) -> None:
    assert created(reason=last_part)["detail"]["reason"] == reason


def test_a_status_change_is_step_functions(at_noon: None) -> None:
    moment = datetime.datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=datetime.UTC)
    described = {
        "executionArn": "arn:e", "stateMachineArn": "arn:m", "name": "e", "status": "FAILED",
        "startDate": moment, "stopDate": moment + datetime.timedelta(seconds=1), "input": "{}",
        "error": "Odd", "cause": "why", "redriveCount": 2,
    }  # fmt: skip
    event = eventbridge.execution_status_change("123456789012", "us-east-1", described)
    assert len(event.pop("id")) == 36
    assert event == {
        "version": "0",
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": "123456789012",
        "time": "2026-01-31T12:00:01Z",
        "region": "us-east-1",
        "resources": ["arn:e"],
        "detail": {
            "executionArn": "arn:e",
            "stateMachineArn": "arn:m",
            "name": "e",
            "status": "FAILED",
            "startDate": 1_769_860_800_250,
            "stopDate": 1_769_860_801_250,
            "input": "{}",
            "inputDetails": {"included": True},
            "output": None,
            "outputDetails": None,
            "redriveCount": 2,
            "error": "Odd",
            "cause": "why",
        },
    }


def test_a_running_execution_has_no_end_and_a_done_one_an_output() -> None:
    moment = datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC)
    described = {
        "executionArn": "e", "stateMachineArn": "m", "name": "e", "status": "RUNNING",
        "startDate": moment, "output": "{}", "redriveCount": 0,
    }  # fmt: skip
    detail = eventbridge.execution_status_change("1", "r", described)["detail"]
    assert (detail["stopDate"], detail["error"], detail["cause"]) == (None, None, None)
    assert (detail["output"], detail["outputDetails"]) == ("{}", {"included": True})


def test_an_input_too_large_for_an_event_is_left_out() -> None:
    """Beyond 248 KB, escaped (Step Functions guide, "EventBridge payloads")."""
    described: Json = {
        "executionArn": "e", "stateMachineArn": "m", "name": "e", "status": "FAILED",
        "startDate": datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC), "redriveCount": 0,
    }  # fmt: skip
    fits = '"' + "x" * (248 * 1024 - 6) + '"'  # each of its quotes takes two bytes, escaped
    for given, told in ((fits, fits), (fits + " ", None)):
        event = eventbridge.execution_status_change("1", "r", described | {"input": given})
        assert event["detail"]["input"] == told
        assert event["detail"]["inputDetails"] == {"included": told is not None}


def test_an_asynchronous_invocation_is_tried_again_and_given_up(world: World) -> None:
    """As of an event: three times in all, then the function's dead letters."""
    world.aws.function_errors = [{"errorType": "Odd", "errorMessage": "no"}] * 3
    world.router.invoke(FUNCTION, '{"a": 1}')
    until(lambda: world.router.idle() or None)
    assert [list(call) for call in world.aws.calls] == [["invoke"]] * 3 + [["send"]]
    assert world.aws.calls[-1]["send"]["MessageBody"] == '{"a": 1}'
