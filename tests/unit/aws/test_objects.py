"""The S3 adapter: what it reads and writes, and the names it gives to failures."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, ConnectTimeoutError
from botocore.stub import Stubber
from darkroom.aws.calls import CONFIG, classified, delivering
from darkroom.aws.objects import Objects
from darkroom.aws.parameters import Parameters
from darkroom.contract.errors import (
    AccessDenied,
    DarkroomError,
    ImageTooLarge,
    SourceArchived,
    SourceChanged,
    SourceNotFound,
    StorageError,
    Superseded,
)
from darkroom.contract.limits import Limits
from darkroom.contract.objects import ObjectRef, Source
from darkroom.contract.results import Backup

from tests.support import aws, stack

BUCKET = "a-bucket"
LIMITS = Limits(max_bytes=100)


@pytest.fixture
def s3() -> Iterator[Any]:
    with aws.empty_account():
        client = aws.client("s3")
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield client


def failing(error: Exception) -> Objects:
    client = MagicMock()
    for method in ("get_object", "put_object", "copy", "head_object"):
        getattr(client, method).side_effect = error
    return Objects(client)


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "why"}}, "Any")


def test_the_version_that_the_event_named_is_read(s3: Any) -> None:
    first = s3.put_object(Bucket=BUCKET, Key="k", Body=b"first")["VersionId"]
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"second")
    storage = Objects(s3)
    old = storage.read_source(Source(bucket=BUCKET, key="k", version_id=first), LIMITS)
    new = storage.read_source(Source(bucket=BUCKET, key="k"), LIMITS)
    assert (old.data, old.version_id) == (b"first", first)
    assert old.content_type == "binary/octet-stream"
    assert new.data == b"second"
    assert new.etag == hashlib.md5(b"second").hexdigest()  # noqa: S324 - S3's etag


def test_a_replaced_object_is_not_taken_for_the_other(s3: Any) -> None:
    etag = s3.put_object(Bucket=BUCKET, Key="k", Body=b"first")["ETag"].strip('"')
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"second")
    with pytest.raises(SourceChanged, match="replaced"):
        Objects(s3).read_source(Source(bucket=BUCKET, key="k", etag=etag), LIMITS)


def test_a_version_needs_no_etag(s3: Any) -> None:
    """A version never changes: the etag beside it is that of an event, which may lack it."""
    version = s3.put_object(Bucket=BUCKET, Key="k", Body=b"first")["VersionId"]
    source = Source(bucket=BUCKET, key="k", version_id=version, etag="another")
    assert Objects(s3).read_source(source, LIMITS).data == b"first"


def test_an_object_without_versions_has_none(s3: Any) -> None:
    s3.create_bucket(Bucket="unversioned")
    etag = s3.put_object(Bucket="unversioned", Key="k", Body=b"only")["ETag"].strip('"')
    source = Source(bucket="unversioned", key="k", etag=etag)
    found = Objects(s3).read_source(source, LIMITS)
    copied = Objects(s3).copy(source, 4, ObjectRef(bucket="unversioned", key="copy"))
    assert (found.version_id, found.etag, found.data) == (None, etag, b"only")
    assert copied.version_id is None


def test_a_missing_object_is_named(s3: Any) -> None:
    with pytest.raises(SourceNotFound, match="s3://a-bucket/nowhere does not exist"):
        Objects(s3).read_source(Source(bucket=BUCKET, key="nowhere"), LIMITS)


def test_a_large_object_is_refused_unread(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * 101)
    with pytest.raises(ImageTooLarge, match=r"101 bytes.*100"):
        Objects(s3).read_source(Source(bucket=BUCKET, key="k"), LIMITS)
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * 100)
    assert len(Objects(s3).read_source(Source(bucket=BUCKET, key="k"), LIMITS).data) == 100


def test_the_connection_of_a_large_object_is_let_go() -> None:
    client = MagicMock()
    body = client.get_object.return_value["Body"]
    client.get_object.return_value = {"ContentLength": 101, "Body": body}
    with pytest.raises(ImageTooLarge):
        Objects(client).read_source(Source(bucket=BUCKET, key="k"), LIMITS)
    body.read.assert_not_called()
    body.close.assert_called_once_with()


def test_what_is_written_is_read_back(s3: Any) -> None:
    ref = ObjectRef(bucket=BUCKET, key="out/é.jpg")
    storage = Objects(s3)
    digest = storage.write(ref, b"data", "image/jpeg", {"source-etag": "abc"})
    head = s3.head_object(Bucket=BUCKET, Key="out/é.jpg", ChecksumMode="ENABLED")
    assert storage.read(ref) == b"data"
    assert digest == hashlib.sha256(b"data").hexdigest()
    assert head["ContentType"] == "image/jpeg"
    assert head["Metadata"] == {"source-etag": "abc"}


def test_s3_is_given_the_digest_to_verify_the_bytes_by() -> None:
    client, data = MagicMock(), b"data"
    Objects(client).write(ObjectRef(bucket=BUCKET, key="out"), data, "image/jpeg", {})
    (sent,) = client.put_object.call_args_list
    assert base64.b64decode(sent.kwargs["ChecksumSHA256"]) == hashlib.sha256(data).digest()
    assert not {"IfMatch", "IfNoneMatch"} & set(sent.kwargs)  # nobody else writes this key


def test_a_claim_replaces_what_an_older_one_wrote_and_its_own(s3: Any) -> None:
    storage, ref = Objects(s3), ObjectRef(bucket=BUCKET, key="out")
    for claim, data in ((1, b"one"), (2, b"two"), (2, b"two again")):
        storage.write(ref, data, "image/jpeg", {}, claim)
    assert storage.read(ref) == b"two again"
    assert s3.head_object(Bucket=BUCKET, Key="out")["Metadata"] == {"claim": "2"}


def test_a_claim_never_replaces_what_a_newer_one_wrote(s3: Any) -> None:
    storage, ref = Objects(s3), ObjectRef(bucket=BUCKET, key="out")
    storage.write(ref, b"new", "image/jpeg", {}, 20)
    with pytest.raises(Superseded, match="newer run"):
        storage.write(ref, b"old", "image/jpeg", {}, 3)
    assert storage.read(ref) == b"new"


def test_an_output_without_a_claim_is_older_than_any(s3: Any) -> None:
    storage, ref = Objects(s3), ObjectRef(bucket=BUCKET, key="out")
    storage.write(ref, b"by hand", "image/jpeg", {})
    storage.write(ref, b"claimed", "image/jpeg", {}, 1)
    assert storage.read(ref) == b"claimed"


def test_a_claim_in_no_form_of_ours_is_older_than_any(s3: Any) -> None:
    storage, ref = Objects(s3), ObjectRef(bucket=BUCKET, key="out")
    storage.write(ref, b"odd", "image/jpeg", {"claim": "9.5e99"})
    storage.write(ref, b"claimed", "image/jpeg", {}, 1)
    assert storage.read(ref) == b"claimed"


@pytest.mark.parametrize("there", [True, False], ids=["an older output", "nothing"])
def test_a_newer_write_between_the_look_and_the_write_is_seen(s3: Any, there: bool) -> None:
    """S3 refuses to replace another object than the one that was looked at."""
    storage, ref = Objects(s3), ObjectRef(bucket=BUCKET, key="out")
    if there:
        storage.write(ref, b"oldest", "image/jpeg", {}, 7)
    put, other = s3.put_object, Objects(s3)

    def late(**kwargs: Any) -> Any:
        s3.put_object = put
        other.write(ref, b"newer", "image/jpeg", {}, 9)
        return put(**kwargs)

    s3.put_object = late
    try:
        with pytest.raises(Superseded):
            storage.write(ref, b"older", "image/jpeg", {}, 8)
    finally:
        s3.put_object = put
    assert storage.read(ref) == b"newer"


def contended(code: str, times: int) -> tuple[Objects, MagicMock]:
    """Return storage whose first writes S3 refuses: another run wrote meanwhile."""
    client = MagicMock()
    client.head_object.return_value = {"Metadata": {"claim": "1"}, "ETag": '"e"'}
    client.put_object.side_effect = [client_error(code)] * times + [{}]
    return Objects(client), client


@pytest.mark.parametrize(
    "code",
    ["PreconditionFailed", "412", "ConditionalRequestConflict", "409", "NoSuchKey", "404"],
)
def test_a_write_that_another_run_disturbed_is_tried_again(code: str) -> None:
    """S3 user guide, "Conditional writes": refused, in conflict, or deleted in between."""
    ref = ObjectRef(bucket=BUCKET, key="out")
    storage, client = contended(code, times=4)
    assert storage.write(ref, b"x", "image/jpeg", {}, 2) == hashlib.sha256(b"x").hexdigest()
    assert client.head_object.call_count == 5  # a new look before each
    storage, _ = contended(code, times=5)
    with pytest.raises(StorageError, match=r"s3://a-bucket/out is being written by another run"):
        storage.write(ref, b"x", "image/jpeg", {}, 2)


def test_a_write_that_is_refused_for_another_reason_is_not_tried_again() -> None:
    storage, client = contended("AccessDenied", times=1)
    with pytest.raises(AccessDenied):
        storage.write(ObjectRef(bucket=BUCKET, key="out"), b"x", "image/jpeg", {}, 2)
    assert client.put_object.call_count == 1


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (client_error("AccessDenied"), AccessDenied),
        (client_error("SlowDown"), StorageError),
        (ConnectTimeoutError(endpoint_url="https://s3"), StorageError),
    ],
    ids=["denied", "slow", "unreachable"],
)
def test_a_look_that_fails_is_no_leave_to_write(
    raised: Exception, error: type[DarkroomError]
) -> None:
    client = MagicMock()
    client.head_object.side_effect = raised
    with pytest.raises(error, match="The output s3://a-bucket/out"):
        Objects(client).write(ObjectRef(bucket=BUCKET, key="out"), b"", "image/jpeg", {}, 2)
    client.put_object.assert_not_called()


def test_a_folder_is_listed_without_those_below_it(s3: Any) -> None:
    for key in ("a.jpg/small.jpg", "a.jpg/b.jpg/small.jpg", "a.jpgx/small.jpg"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"123")
    (found,) = Objects(s3).listed(BUCKET, "a.jpg/")
    assert (found.key, found.bytes) == ("a.jpg/small.jpg", 3)
    assert abs(found.modified - time.time()) < 60
    assert Objects(s3).listed(BUCKET, "b.jpg/") == []
    with pytest.raises(SourceNotFound, match="The bucket elsewhere"):
        Objects(s3).listed("elsewhere", "a.jpg/")


def test_a_copy_is_pinned_and_compared(s3: Any) -> None:
    put = s3.put_object(Bucket=BUCKET, Key="k", Body=b"first")
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"second")
    etag = put["ETag"].strip('"')
    source = Source(bucket=BUCKET, key="k", version_id=put["VersionId"], etag=etag)
    backup = Objects(s3).copy(source, 5, ObjectRef(bucket=BUCKET, key="copy"))
    copied = s3.get_object(Bucket=BUCKET, Key="copy")
    assert copied["Body"].read() == b"first"
    assert backup == Backup(
        bucket=BUCKET, key="copy", bytes=5, etag=etag, version_id=copied["VersionId"]
    )


@pytest.mark.parametrize("etag", ["abc", None])
def test_a_copy_leaves_annotations_behind(etag: str | None) -> None:
    """S3 copies them unless told otherwise, and refuses who may not read and write them."""
    client = aws.client("s3")
    with Stubber(client) as stubber:
        head = {"ETag": '"abc"', "ContentLength": 5}
        at = {"Bucket": BUCKET, "Key": "k"}
        stubber.add_response("head_object", head, at | ({"IfMatch": '"abc"'} if etag else {}))
        asked = {"Bucket": BUCKET, "Key": "copy", "CopySource": at}
        pinned = {"CopySourceIfMatch": '"abc"'} if etag else {}
        stubber.add_response("copy_object", {}, asked | pinned | {"AnnotationDirective": "EXCLUDE"})
        stubber.add_response("head_object", head, {"Bucket": BUCKET, "Key": "copy"})
        source = Source(bucket=BUCKET, key="k", etag=etag)
        assert Objects(client).copy(source, 5, ObjectRef(bucket=BUCKET, key="copy")).bytes == 5
        stubber.assert_no_pending_responses()


def test_a_copy_of_what_was_replaced_meanwhile_is_refused(s3: Any) -> None:
    etag = s3.put_object(Bucket=BUCKET, Key="k", Body=b"first")["ETag"].strip('"')
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"other")
    target = ObjectRef(bucket=BUCKET, key="copy")
    with pytest.raises(SourceChanged, match="The object s3://a-bucket/k was replaced"):
        Objects(s3).copy(Source(bucket=BUCKET, key="k", etag=etag), 5, target)
    assert Objects(s3).copy(Source(bucket=BUCKET, key="k"), 5, target).bytes == 5


def test_only_what_s3_cannot_copy_at_once_is_copied_in_parts() -> None:
    """CopyObject takes 5 GiB; more takes UploadPartCopy, 10,000 parts of 5 GiB at most."""
    client = MagicMock()
    client.head_object.return_value = {"ETag": '"e"', "ContentLength": 5}
    Objects(client).copy(Source(bucket=BUCKET, key="k"), 5, ObjectRef(bucket=BUCKET, key="copy"))
    config = client.copy.call_args.kwargs["Config"]
    assert config.multipart_threshold == 5 * 1024**3
    assert config.multipart_chunksize * 10_000 > 1024**4


def test_the_parts_of_a_copy_are_512_mib_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole ones, without a stub at the end of an object of a round size."""
    part, sent = 512 * 1024**2, []

    def send(operation: str, params: dict[str, Any]) -> dict[str, Any]:
        sent.append((operation, params))
        return {
            "HeadObject": {"ETag": '"e-11"', "ContentLength": 11 * part},
            "CreateMultipartUpload": {"UploadId": "1"},
            "UploadPartCopy": {"CopyPartResult": {"ETag": '"part"'}},
        }.get(operation, {})

    client = aws.client("s3")
    monkeypatch.setattr(client, "_make_api_call", send)
    target = ObjectRef(bucket=BUCKET, key="copy")
    Objects(client).copy(Source(bucket=BUCKET, key="k"), 11 * part, target)
    ranges = {params["CopySourceRange"] for operation, params in sent if "Part" in operation}
    assert ranges == {f"bytes={each * part}-{(each + 1) * part - 1}" for each in range(11)}


def test_an_object_of_no_named_type_is_read_too() -> None:
    client = MagicMock()
    body = MagicMock(**{"read.return_value": b"x"})
    client.get_object.return_value = {"ContentLength": 1, "Body": body, "ETag": '"e"'}
    assert Objects(client).read_source(Source(bucket=BUCKET, key="k"), LIMITS).content_type == ""


@pytest.mark.parametrize(
    ("original", "copied"),
    [("a" * 32 + "-2", "b" * 32), ("a" * 32, "b" * 32 + "-2"), ("a-2", "b-3")],
)
def test_an_etag_of_parts_is_not_compared(original: str, copied: str) -> None:
    client = MagicMock()
    client.head_object.return_value = {"ETag": f'"{copied}"', "ContentLength": 5}
    source, target = (
        Source(bucket=BUCKET, key="k", etag=original),
        ObjectRef(bucket=BUCKET, key="c"),
    )
    assert Objects(client).copy(source, 5, target).etag == copied
    assert client.head_object.call_count == 1


def test_a_copy_that_differs_is_an_error(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"first")
    with pytest.raises(StorageError, match="differs from the original"):
        Objects(s3).copy(Source(bucket=BUCKET, key="k"), 4, ObjectRef(bucket=BUCKET, key="copy"))


@pytest.mark.parametrize(
    ("codes", "error", "says"),
    [
        (
            ["NoSuchKey", "NoSuchVersion", "404", "405", "MethodNotAllowed"],
            SourceNotFound,
            (
                "does not exist. Check the bucket, the key (it is case-sensitive) and the version, "
                "or upload the image again."
            ),
        ),
        (
            ["PreconditionFailed", "412"],
            SourceChanged,
            (
                "was replaced after this run was asked for. The newer upload has a run of its own; "
                "to process what is there now, start a run without version and etag."
            ),
        ),
        (
            ["InvalidObjectState", "ObjectNotInActiveTierError"],
            SourceArchived,
            (
                "is in an archive storage class and cannot be read. Restore it with `aws s3api "
                "restore-object --restore-request Days=7` and its bucket and key (in Intelligent-"
                "Tiering without Days: '{}'), and run it again when that is done: mostly within "
                "hours."
            ),
        ),
        (
            ["AccessDenied", "403", "AccessDeniedException", "AllAccessDisabled"],
            AccessDenied,
            (
                "may not be used by this step: {code}. Check the step's role and the policy of the "
                "bucket and its key."
            ),
        ),
        (
            ["NoSuchBucket"],
            SourceNotFound,
            (
                "cannot be used: the bucket of that name does not exist. Deploy the stack again, "
                "or name a bucket that is there; then run it again."
            ),
        ),
        (["SlowDown"], StorageError, "could not be used: SlowDown. Run it again."),
        (["InternalError"], StorageError, "could not be used: InternalError. Run it again."),
        ([""], StorageError, "could not be used: . Run it again."),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_service_errors_get_our_names(
    codes: list[str], error: type[DarkroomError], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with what it was about, what is wrong, and what helps."""
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    ref, source = ObjectRef(bucket=BUCKET, key="k"), Source(bucket=BUCKET, key="k")
    pinned = Source(bucket=BUCKET, key="k", version_id="v1")
    for code in codes:
        storage = failing(client_error(code))
        for call, what in (
            (lambda s: s.read_source(source, LIMITS), "The object s3://a-bucket/k"),
            (lambda s: s.read_source(pinned, LIMITS), "The object s3://a-bucket/k (version v1)"),
            (lambda s: s.read(ref), "The working copy s3://a-bucket/k"),
            (lambda s: s.write(ref, b"", "image/jpeg", {}), "The output s3://a-bucket/k"),
            (lambda s: s.copy(source, 1, ref), "The object s3://a-bucket/k"),
        ):
            with pytest.raises(DarkroomError) as caught:
                call(storage)
            assert (type(caught.value), str(caught.value)) == (
                error, f"{what} {says}".replace("{code}", code),
            )  # fmt: skip


def test_a_copy_that_cannot_be_looked_at_is_named() -> None:
    client = MagicMock()
    client.head_object.side_effect = client_error("404")
    with pytest.raises(SourceNotFound, match="The backup s3://a-bucket/copy does not exist"):
        Objects(client).copy(
            Source(bucket=BUCKET, key="k"), 1, ObjectRef(bucket=BUCKET, key="copy")
        )


def test_no_answer_is_transient() -> None:
    storage = failing(ConnectTimeoutError(endpoint_url="https://s3"))
    with pytest.raises(StorageError, match=r"copy s3://a-bucket/k could not be reached: .*s3.*Run"):
        storage.read(ObjectRef(bucket=BUCKET, key="k"))


def test_a_call_that_hangs_is_given_up_while_its_function_still_has_time() -> None:
    """So it is tried again at once, and does not cost the function's whole time."""
    functions = stack.of_type(stack.source(), "AWS::Serverless::Function").values()
    longest = CONFIG.connect_timeout + CONFIG.read_timeout
    assert 20 <= longest < min(function["Timeout"] for function in functions)


def test_a_client_tries_three_times_more_and_leaves_longer_waits_to_the_state_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    storage, sent = Objects(), []

    def unavailable(request: Any, **_: Any) -> AWSResponse:
        sent.append(request.url)
        return AWSResponse(request.url, 503, {}, MagicMock(**{"stream.return_value": [b""]}))

    storage._s3.meta.events.register("before-send.s3", unavailable)
    with pytest.raises(StorageError, match="503"):
        storage.read(ObjectRef(bucket=BUCKET, key="k"))
    assert len(sent) == 1 + 3


def test_parameters_are_kept_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    client = MagicMock()
    client.get_parameter.side_effect = [
        {"Parameter": {"Value": "one"}},
        {"Parameter": {"Value": "two"}},
    ]
    now = 1000.0
    clock = SimpleNamespace(monotonic=lambda: now)
    monkeypatch.setattr("darkroom.aws.parameters.time", clock)
    parameters = Parameters(client)
    assert [parameters.read("/p"), parameters.read("/p")] == ["one", "one"]
    now += 59.9
    assert parameters.read("/p") == "one"
    now += 0.1
    assert [parameters.read("/p"), parameters.read("/p")] == ["two", "two"]
    now += 59.9
    assert parameters.read("/p") == "two"
    assert [call.kwargs for call in client.get_parameter.call_args_list] == [{"Name": "/p"}] * 2


def test_a_parameter_that_cannot_be_read_is_classified() -> None:
    client = MagicMock()
    client.get_parameter.side_effect = client_error("AccessDeniedException")
    with pytest.raises(AccessDenied, match="The SSM parameter /darkroom/presets may not be used"):
        Parameters(client).read("/darkroom/presets")


def test_a_bucket_that_is_missing_is_told_at_once(s3: Any) -> None:
    """No newer run has written there: nothing is tried again."""
    ref = ObjectRef(bucket="none-of-ours", key="k")

    with pytest.raises(SourceNotFound, match="the bucket none-of-ours does not exist"):
        Objects(s3).write(ref, b"", "image/jpeg", {}, claim=1)


USER = "arn:aws:sts::123456789012:assumed-role/PrepareRole/prepare"


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (
            (
                f"User: {USER} is not authorized to perform: s3:GetObject on resource: "
                '"arn:aws:s3:::photos/cat.jpg" because no identity-based policy allows it'
            ),
            "the role PrepareRole lacks s3:GetObject on arn:aws:s3:::photos/cat.jpg.",
        ),
        (
            (
                f"User: {USER} is not authorized to perform: kms:Decrypt on the resource "
                "arn:aws:kms:eu-west-1:123456789012:key/1 because no policy allows it"
            ),
            "the role PrepareRole lacks kms:Decrypt on arn:aws:kms:eu-west-1:123456789012:key/1.",
        ),
        (
            "arn:aws:iam::1:user/me is not authorized to perform: s3:PutObject",
            "the role arn:aws:iam::1:user/me lacks s3:PutObject.",
        ),
        ("Access Denied", "the role of darkroom-prepare was refused GetObject."),
    ],
)
def test_a_refusal_names_role_action_and_resource(
    monkeypatch: pytest.MonkeyPatch, message: str, says: str
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "darkroom-prepare")
    refused = ClientError({"Error": {"Code": "AccessDenied", "Message": message}}, "GetObject")

    for meant in (classified, delivering):
        with pytest.raises(AccessDenied) as caught, meant("It"):
            raise refused
        assert f"by this step: {says} Check" in str(caught.value)


def test_a_refusal_outside_of_a_function_has_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)

    with pytest.raises(AccessDenied, match=r"by this step: AccessDenied\. Check"), classified("It"):
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")
