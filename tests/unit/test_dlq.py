"""The dead-letter queue: everything in it is read, nothing is lost from it, and words for why."""

# ruff: noqa: N803 - the arguments of fake clients are named as boto3 names them

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from darkroom_ops import dlq
from tests.support.cli import invoke

Json = dict[str, Any]

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:pipeline"
RUNS = "arn:aws:states:us-east-1:123456789012:execution:pipeline"
SECONDS = 1_700_000_000


class Queue:
    """SQS: what is received is hidden, until it is shown again or deleted by its last receipt."""

    def __init__(self) -> None:
        self.messages: list[Json] = []
        self.hidden: dict[str, str] = {}
        self.waits: list[int] = []
        self.silent = 0
        """How many of the next answers are empty, though there are messages."""

    def put(self, body: object, *, sent: float = 0, **attributes: str) -> str:
        name = f"{len(self.messages):08}-id"
        self.messages.append(
            {
                "MessageId": name,
                "Body": body if isinstance(body, str) else json.dumps(body),
                "Attributes": {"SentTimestamp": str(int((SECONDS + sent) * 1000))},
                "MessageAttributes": {
                    name: {"DataType": "String", "StringValue": value}
                    for name, value in attributes.items()
                },
            }
        )
        return name

    def receive_message(
        self, *, QueueUrl: str, MaxNumberOfMessages: int, VisibilityTimeout: int,
        WaitTimeSeconds: int, AttributeNames: list[str], MessageAttributeNames: list[str],
    ) -> Json:  # fmt: skip
        assert (QueueUrl, VisibilityTimeout) == ("https://queue", 60)
        assert (AttributeNames, MessageAttributeNames) == (["SentTimestamp"], ["All"])
        assert 1 <= MaxNumberOfMessages <= 10, "as SQS allows"
        self.waits.append(WaitTimeSeconds)
        if self.silent:
            self.silent -= 1
            return {}
        free = [each for each in self.messages if each["MessageId"] not in self.hidden]
        found = free[:MaxNumberOfMessages]
        for each in found:
            self.hidden[each["MessageId"]] = f"{len(self.waits)} {each['MessageId']}"
        return {"Messages": [
            each | {"ReceiptHandle": self.hidden[each["MessageId"]]} for each in found
        ]}  # fmt: skip

    def _seen(self, receipt: str) -> str:
        """Hide a message no more, and return its id."""
        name = receipt.partition(" ")[2]
        assert self.hidden.pop(name) == receipt, "an earlier receipt is not valid"
        return name

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: list[Json]) -> None:
        assert QueueUrl == "https://queue"
        assert 1 <= len(Entries) <= 10, "as SQS allows"
        assert len({each["Id"] for each in Entries}) == len(Entries)
        for each in Entries:
            assert each["VisibilityTimeout"] == 0
            self._seen(each["ReceiptHandle"])

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:
        assert QueueUrl == "https://queue"
        gone = self._seen(ReceiptHandle)
        self.messages = [each for each in self.messages if each["MessageId"] != gone]


class Stack:
    """A stack whose state machine and function remember what they were given."""

    state_machine_arn = MACHINE
    events_dead_letter_queue_url = "https://queue"
    notify_function_name = "notify"
    stack = "darkroom"

    def __init__(self, endpoint: str | None = "http://127.0.0.1:1") -> None:
        self.endpoint = endpoint
        self.sqs = Queue()
        self.stepfunctions = SimpleNamespace(start_execution=self._start)
        self.lambda_ = SimpleNamespace(invoke=self._invoke)
        self.started: dict[str, Any] = {}
        self.notified: list[Any] = []
        self.refuses: str | None = None
        self.answer: Json = {}

    def _start(self, *, stateMachineArn: str, name: str, **given: str) -> Json:
        assert stateMachineArn == MACHINE
        if self.refuses:
            raise ClientError({"Error": {"Code": self.refuses, "Message": "no"}}, "StartExecution")
        if name in self.started:
            raise ClientError({"Error": {"Code": "ExecutionAlreadyExists"}}, "StartExecution")
        self.started[name] = json.loads(given["input"])
        return {"executionArn": f"{RUNS}:{name}"}

    def _invoke(self, *, FunctionName: str, Payload: bytes) -> Json:
        assert FunctionName == "notify"
        self.notified.append(json.loads(Payload))
        return self.answer


@pytest.fixture
def stack() -> Stack:
    return Stack()


def uploaded(key: str = "uploads/é.jpg", **more: Any) -> Json:
    return {
        "id": f"event of {key}",
        "source": "aws.s3",
        "detail": {"bucket": {"name": "b"}, "object": {"key": key}},
    } | more


CHANGED = {
    "source": "aws.states",
    "detail": {"executionArn": f"{RUNS}:x", "status": "TIMED_OUT"},
}


def redriven(stack: Any, chosen: list[str] | None = None) -> list[dlq.Sent]:
    return list(dlq.redrive(stack, chosen))


# ---------------------------------------------------------------------------- looking


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 21])
def test_every_letter_is_read_once_oldest_first_and_stays(stack: Any, count: int) -> None:
    for number in range(count):
        stack.sqs.put(uploaded(f"{number}.jpg"), sent=-number)

    for _ in range(2):
        found = dlq.dead_letters(stack)
        assert [each.about for each in found] == [f"s3://b/{n}.jpg" for n in reversed(range(count))]
        assert stack.sqs.hidden == {}


def test_one_empty_answer_is_not_the_end_but_two_are(stack: Any) -> None:
    stack.sqs.put(uploaded())
    stack.sqs.silent = 1
    assert len(dlq.dead_letters(stack)) == 1

    stack.sqs.silent = 2
    assert dlq.dead_letters(stack) == []


def test_an_answer_with_messages_begins_the_count_of_empty_ones_anew(
    stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        stack.sqs.put(uploaded())
    receive, looks = stack.sqs.receive_message, iter([0, 1, 0, 1, 0, 0])

    def one_or_none(**asked: Any) -> Json:
        found: Json = receive(**asked | {"MaxNumberOfMessages": 1}) if next(looks) else {}
        return found

    monkeypatch.setattr(stack.sqs, "receive_message", one_or_none)

    assert len(dlq.dead_letters(stack)) == 2


def test_a_letter_that_comes_again_is_read_once(
    stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQS delivers at least once."""
    stack.sqs.put(uploaded())
    receive = stack.sqs.receive_message
    monkeypatch.setattr(
        stack.sqs, "receive_message", lambda **asked: stack.sqs.hidden.clear() or receive(**asked)
    )

    assert len(dlq.dead_letters(stack)) == 1


@pytest.mark.parametrize(("endpoint", "seconds"), [("http://127.0.0.1:1", 0), (None, 1)])
def test_on_aws_all_of_the_queues_servers_are_asked(endpoint: str | None, seconds: int) -> None:
    stack: Any = Stack(endpoint)

    dlq.dead_letters(stack)

    assert stack.sqs.waits == [seconds] * 2


@pytest.mark.parametrize(
    ("body", "kind", "about"),
    [
        (uploaded("a b.jpg"), "upload", "s3://b/a b.jpg"),
        (CHANGED, "status change", f"{RUNS}:x (TIMED_OUT)"),
        (
            {"source": "aws.states", "detail": {"executionArn": "arn"}},
            "status change",
            "arn (ended)",
        ),
        (uploaded(source="aws.ec2"), "unknown", None),
        (uploaded(detail="nothing"), "unknown", None),
        (uploaded(detail={"bucket": {"name": "b"}}), "unknown", None),
        (uploaded(detail={"object": {"key": "k"}}), "unknown", None),
        (uploaded(detail={"bucket": {"name": "b"}, "object": {}}), "unknown", None),
        (uploaded(detail={"bucket": {}, "object": {"key": "k"}}), "unknown", None),
        (uploaded(detail={"bucket": "b", "object": {"key": "k"}}), "unknown", None),
        (uploaded(detail={"bucket": {"name": "b"}, "object": "k"}), "unknown", None),
        ({"source": "aws.states", "detail": {}}, "unknown", None),
        ({"source": "elsewhere", "detail": {"executionArn": "arn"}}, "unknown", None),
        ([1, 2], "unknown", "[1, 2]"),
        ("no JSON " + "x" * 100, "unknown", "no JSON " + "x" * 72),
    ],
)
def test_what_a_letter_is_about(stack: Any, body: object, kind: str, about: str | None) -> None:
    stack.sqs.put(body)

    (letter,) = dlq.dead_letters(stack)

    assert letter.kind == kind
    assert about is None or letter.about == about


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        (
            {"ERROR_CODE": "NO_PERMISSIONS", "ERROR_MESSAGE": "x"},
            "The rule was not allowed to reach its target (NO_PERMISSIONS)",
        ),
        ({"ERROR_CODE": "NEW_CODE", "ERROR_MESSAGE": "a reason"}, "NEW_CODE: a reason"),
        (
            {"ErrorCode": "200", "ErrorMessage": "out of memory"},
            "The function Notify failed on it: out of memory",
        ),
        ({"ErrorCode": "429", "ErrorMessage": "throttled"}, "429: throttled"),
        *(
            ({"ERROR_CODE": code, "ERROR_MESSAGE": "x"}, f"{why} ({code})")
            for code, why in (
                ("StateMachineDoesNotExist", "Its state machine was not there"),
                ("ResourceNotFoundException", "Its target was not there"),
                ("NO_RESOURCE", "Its target was not there"),
                ("RESOURCE_NOT_FOUND", "Its target was not there"),
                ("AccessDeniedException", "The rule was not allowed to reach its target"),
                ("THROTTLING", "Its target was overloaded, and stayed so for a day"),
                ("TIMEOUT", "Its target did not answer, for a day"),
                ("SDK_CLIENT_ERROR", "EventBridge could not reach its target"),
                ("FAILED_TO_ASSUME_ROLE", "EventBridge could not use the rule's role"),
                ("INTERNAL_ERROR", "EventBridge itself failed"),
                ("INVALID_PARAMETER", "Its target refused it"),
            )
        ),
        ({}, "unknown: no reason"),
    ],
)
def test_why_a_letter_is_there(stack: Any, attributes: dict[str, str], why: str) -> None:
    stack.sqs.put(uploaded(), sent=1.5, TARGET_ARN=MACHINE, **attributes)

    (letter,) = dlq.dead_letters(stack)

    assert (letter.why, letter.target) == (why, MACHINE)
    assert letter.sent.timestamp() == SECONDS + 1.5


def test_a_letter_from_the_buffer_has_nothing_but_its_event(stack: Any) -> None:
    stack.sqs.put(uploaded(), sent=1)
    stack.sqs.put(CHANGED, sent=2)  # as nobody sends it
    assert [letter.why for letter in dlq.dead_letters(stack)] == [
        "The buffer's function Start failed on it again and again: its log says why",
        "unknown: no reason",
    ]


def test_a_letter_without_any_attribute_is_read_too(stack: Any) -> None:
    stack.sqs.put(uploaded())
    for name in ("Attributes", "MessageAttributes"):
        del stack.sqs.messages[0][name]

    (letter,) = dlq.dead_letters(stack)

    assert (letter.sent.timestamp(), letter.target) == (0, "")


# ---------------------------------------------------------------------------- sending


@pytest.mark.parametrize("count", [0, 1, 10, 11])
def test_all_that_arrive_leave_the_queue_oldest_first(stack: Any, count: int) -> None:
    for number in range(count):
        stack.sqs.put(uploaded(f"{number}.jpg"), sent=-number)

    sent = redriven(stack)

    assert [each.message.about for each in sent] == [
        f"s3://b/{number}.jpg" for number in reversed(range(count))
    ]
    assert [(each.execution, each.error) for each in sent] == [
        (f"{RUNS}:redrive-event-of-{n}-jpg", None) for n in reversed(range(count))
    ]
    assert (stack.sqs.messages, stack.sqs.hidden) == ([], {})
    assert stack.started["redrive-event-of-0-jpg"] == uploaded("0.jpg") if count else True


@pytest.mark.parametrize("total", [3, 12, 22])
def test_only_the_chosen_messages_are_sent_and_the_others_stay_in_sight(
    stack: Any, total: int
) -> None:
    ids = [stack.sqs.put(uploaded(f"{number}.jpg")) for number in range(total)]

    sent = redriven(stack, [ids[1], "of nothing"])

    assert [each.message.id for each in sent] == [ids[1]]
    assert [each["MessageId"] for each in stack.sqs.messages] == [ids[0], *ids[2:]]
    assert stack.sqs.hidden == {}


def test_choosing_none_sends_none(stack: Any) -> None:
    stack.sqs.put(uploaded())

    assert redriven(stack, []) == []
    assert stack.sqs.hidden == {}


def test_an_event_that_is_there_twice_starts_one_execution(stack: Any) -> None:
    stack.sqs.put(uploaded())
    stack.sqs.put(uploaded())

    first, second = redriven(stack)

    assert first.execution == second.execution == f"{RUNS}:redrive-event-of-uploads---jpg"
    assert len(stack.started) == 1
    assert stack.sqs.messages == []


def test_a_letter_that_is_refused_stays_in_sight_and_the_next_is_sent(stack: Any) -> None:
    stack.refuses = "StateMachineDoesNotExist"
    refused = stack.sqs.put(uploaded(), sent=0)
    stack.sqs.put(CHANGED, sent=1)

    first, second = redriven(stack)

    assert (first.message.id, first.execution) == (refused, None)
    assert "StateMachineDoesNotExist" in (first.error or "")
    assert (second.execution, second.error) == (None, None)
    assert [each["MessageId"] for each in stack.sqs.messages] == [refused]
    assert stack.sqs.hidden == {}


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ("12345678-90ab", "redrive-12345678-90ab"),
        ("ä b/c_d", "redrive---b-c_d"),
        ("x" * 73, f"redrive-{'x' * 72}"),  # 80 characters: StartExecution takes no more
    ],
)
def test_the_execution_is_named_after_the_event(stack: Any, event: str, name: str) -> None:
    stack.sqs.put(uploaded(id=event))

    redriven(stack)

    assert list(stack.started) == [name]


def test_an_event_without_an_id_is_named_after_its_message(stack: Any) -> None:
    message = stack.sqs.put({name: value for name, value in uploaded().items() if name != "id"})

    redriven(stack)

    assert list(stack.started) == [f"redrive-{message}"]


def test_a_status_change_is_given_to_notify(stack: Any) -> None:
    stack.sqs.put(CHANGED)

    (sent,) = redriven(stack)

    assert (sent.execution, sent.error) == (None, None)
    assert stack.notified == [CHANGED]
    assert stack.sqs.messages == []


def test_a_status_change_that_notify_fails_on_again_stays(stack: Any) -> None:
    failure = json.dumps({"errorType": "DeliveryError", "errorMessage": "the topic is gone"})
    stack.answer = {"FunctionError": "Unhandled", "Payload": io.BytesIO(failure.encode())}
    stack.sqs.put(CHANGED)

    (sent,) = redriven(stack)

    assert sent.error == "The function Notify failed again: DeliveryError: the topic is gone"
    assert len(stack.sqs.messages) == 1


def test_what_is_no_event_stays_and_says_what_to_do(stack: Any) -> None:
    stack.sqs.put("hello")

    (sent,) = redriven(stack)

    assert "Expected an event of S3 or of Step Functions, but it is 'hello'" in (sent.error or "")
    assert len(stack.sqs.messages) == 1


# ---------------------------------------------------------------------------- the commands


@pytest.fixture
def darkroom(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("darkroom_ops.cli.address.connect", lambda *_: stack)

    def run(*words: str) -> tuple[int, str]:
        done = invoke(["dlq", *words])
        return done.exit_code, done.stdout

    return run


def test_an_empty_queue_is_said(darkroom: Any) -> None:
    assert darkroom("list") == (0, "The dead-letter queue is empty: every event arrived.\n")
    assert darkroom("redrive") == (0, "The dead-letter queue is empty: there is nothing to send.\n")
    assert json.loads(darkroom("list", "--json")[1]) == {"messages": []}
    assert json.loads(darkroom("redrive", "--json")[1]) == {"sent": 0, "left": 0, "messages": []}


def test_the_list_says_what_is_where_and_why(stack: Any, darkroom: Any) -> None:
    stack.sqs.put(uploaded("a.jpg"), ERROR_CODE="THROTTLING", TARGET_ARN=MACHINE)
    code, text = darkroom("list")

    first, *rest = text.splitlines()
    where = f"--endpoint {stack.endpoint}"
    assert code == 0
    assert first.startswith("00000000  upload  2023-11-1")
    assert rest == [
        "  s3://b/a.jpg",
        "  Its target was overloaded, and stayed so for a day (THROTTLING)",
        "",
        f"1 event. To send what is here once more: darkroom dlq redrive {where}",
    ]
    stack.sqs.put(CHANGED, sent=1)
    assert "\n2 events. To send" in darkroom("list")[1]
    assert json.loads(darkroom("list", "--json")[1])["messages"][0] == {
        "id": "00000000-id",
        "kind": "upload",
        "about": "s3://b/a.jpg",
        "why": "Its target was overloaded, and stayed so for a day (THROTTLING)",
        "code": "THROTTLING",
        "reason": "no reason",
        "sent": "2023-11-14T22:13:20+00:00",
        "target": MACHINE,
        "event": uploaded("a.jpg"),
    }


def test_redriving_counts_what_was_sent_and_what_is_left(stack: Any, darkroom: Any) -> None:
    for body in (uploaded("a.jpg"), "hello", CHANGED):
        stack.sqs.put(body)

    code, answer = darkroom("redrive", "--json")

    found = json.loads(answer)
    assert (code, found["sent"], found["left"]) == (1, 2, 1)
    assert [each["execution"] for each in found["messages"]] == [
        f"{RUNS}:redrive-event-of-a-jpg", None, None,
    ]  # fmt: skip
    assert [bool(each["error"]) for each in found["messages"]] == [False, True, False]


def test_redriving_tells_each_and_where_to_look(stack: Any, darkroom: Any) -> None:
    stack.sqs.put(uploaded("a.jpg"))
    stack.sqs.put(CHANGED, sent=1)

    code, text = darkroom("redrive")
    assert code == 0
    assert text.splitlines() == [
        "✓ s3://b/a.jpg",
        f"  darkroom show redrive-event-of-a-jpg --endpoint {stack.endpoint}",
        f"✓ {RUNS}:x (TIMED_OUT)",
    ]
    stack.sqs.put("hello")
    code, text = darkroom("redrive")
    assert code == 1
    assert text.startswith("✗ hello\n  Expected an event")
    assert text.endswith("\n1 could not be sent, and stay in the queue.\n")
    said = json.dumps({"errorType": "Exit", "errorMessage": "out \x1b[2J"}).encode()
    stack.answer = {"FunctionError": "Unhandled", "Payload": io.BytesIO(said)}
    stack.sqs.put(CHANGED, sent=-1)
    assert darkroom("redrive")[1].splitlines()[:2] == [
        f"✗ {RUNS}:x (TIMED_OUT)", r"  The function Notify failed again: Exit: out \x1b[2J",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "code", "left"),
    [(["00000001"], 0, 2), (["00000000-id", "00000002"], 0, 1), (["0000000"], 2, 3), (["x"], 2, 3)],
)
def test_messages_are_chosen_by_the_beginning_of_their_id(
    stack: Any, darkroom: Any, given: list[str], code: int, left: int
) -> None:
    for number in range(3):
        stack.sqs.put(uploaded(f"{number}.jpg"))

    assert darkroom("redrive", *given, "--json")[0] == code
    assert len(stack.sqs.messages) == left
    assert stack.sqs.hidden == {}
