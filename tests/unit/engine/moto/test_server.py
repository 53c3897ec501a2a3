"""Services, their descriptions, and keys of objects."""

from __future__ import annotations

import datetime
import json
import os
import re
import string
import urllib.parse
import weakref
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest.mock import MagicMock, PropertyMock, patch

import dateutil.parser
import pytest
from botocore.exceptions import ClientError
from botocore.loaders import Loader
from botocore.utils import parse_to_aware_datetime
from moto import backends
from moto.core import authorization, base_backend, responses, serialize
from moto.core import utils as moto_utils
from moto.core.base_backend import AccountSpecificBackend, BackendDict
from moto.core.errors import ErrorLookupFactory
from moto.core.model import ServiceModel
from moto.core.request import EnvironHeaders
from moto.core.serialize import (
    AttributePicker,
    AttributePickerContext,
    XFormedAttributePicker,
)
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.iam import models as iam_models
from moto.moto_api._internal.moto_random import MotoRandom
from moto.moto_server.utilities import RegexConverter
from moto.s3 import responses as s3_responses
from moto.s3.responses import S3Response
from moto.sqs.models import SQSBackend
from moto.sqs.responses import SQSResponse
from moto.utilities import utils as moto_utilities
from werkzeug.exceptions import UnsupportedMediaType
from werkzeug.test import run_wsgi_app

from darkroom_ops.engine.moto import server
from darkroom_ops.engine.protocols import FORM, read
from tests.support import stack
from tests.unit.engine.api import request, signed
from tests.unit.engine.moto.lab import ACCOUNT, Lab, hooked
from tests.unit.engine.moto.probes import probe


def test_the_services_are_listed_once(lab: Lab) -> None:
    first, second = (backends.list_of_moto_modules() for _ in range(2))
    assert first is second
    assert {"s3", "stepfunctions"} <= set(first)
    assert moto_utils.create_loader() is moto_utils.create_loader()


def test_a_service_is_in_every_region_without_a_look_at_its_description(lab: Lab) -> None:
    with patch.object(Loader, "load_service_model", side_effect=AssertionError):
        there = AccountSpecificBackend("sqs", ACCOUNT, object, True, None)
    assert {"us-east-1", "eu-central-1", "cn-north-1"} <= set(there.regions)


def test_a_key_may_have_a_line_break(lab: Lab) -> None:
    converter = RegexConverter(SimpleNamespace(), ".+")
    assert re.fullmatch(converter.regex, "a/b\nc")


def test_a_services_methods_are_listed_once(lab: Lab) -> None:
    first, second = (responses.method_names_from_class(SQSResponse) for _ in range(2))
    assert first is second
    assert "send_message" in first


def draws() -> int:
    """Return how often it is drawn for an id of an answer."""
    with patch.object(MotoRandom, "choice", return_value="a") as drawn:
        MotoRandom().get_random_string(5)
    return drawn.call_count


def test_an_id_is_drawn_at_once(lab: Lab) -> None:
    assert draws() == 0
    drawn = MotoRandom().get_random_string(1000)
    assert set(drawn) == set(string.ascii_letters + string.digits)
    drawn = MotoRandom().get_random_string(1000, include_digits=False, lower_case=True)
    assert set(drawn) == set(string.ascii_lowercase)
    assert len(MotoRandom().get_random_string()) == 20


def is_remembered() -> bool:
    """Return whether an item is there when nobody has it."""
    item = Item(DynamoType({"S": "a"}), None, {})
    made = weakref.ref(item)
    del item
    return made() is not None


def test_what_nobody_has_is_gone(lab: Lab) -> None:
    assert not is_remembered()


def account_of(**headers: str) -> Any:
    """Return whose account a call is, and the access key that moto finds in it."""
    said = responses.BaseResponse("s3")
    said.headers, said.querystring = headers, {}
    return said.get_current_account(), said.get_access_key()


def test_there_is_one_account_whatever_a_call_says(lab: Lab) -> None:
    signed_by = {"Authorization": "AWS4-HMAC-SHA256 Credential=ABCDEFGHIJKLMNOPQRST/2026"}
    with patch.object(iam_models, "get_account_id_from", side_effect=AssertionError):
        assert account_of(**signed_by) == (ACCOUNT, None)
    assert account_of(**{"x-moto-account-id": "111111111111"}) == (ACCOUNT, None)


def is_noted() -> bool:
    """Return whether it is noted when an access key was used."""
    key = SimpleNamespace(last_used=None, role_arn=None)
    made = {ACCOUNT: {"aws": SimpleNamespace(access_keys={"mine": key})}}
    with patch.object(iam_models, "iam_backends", made):
        iam_models.mark_account_as_visited(
            account_id=ACCOUNT, access_key="mine", service="s3", region="us-east-1"
        )
    return key.last_used is not None


def test_the_use_of_a_key_is_not_noted(lab: Lab) -> None:
    assert not is_noted()


def locks(times: int) -> int:
    """Return how often services are locked to ask for one, so often, that is there."""
    services = BackendDict(SQSBackend, "sqs")
    made = services[ACCOUNT]
    with patch.object(base_backend, "backend_lock", MagicMock()) as lock:
        assert all(services[ACCOUNT] is made for _ in range(times))
    return int(lock.__enter__.call_count)


def test_a_service_is_made_once_and_then_found(lab: Lab) -> None:
    assert locks(2) == 0


def errors_listed() -> int:
    """Return how often the errors of a service are listed, for two."""
    model = MagicMock(error_shapes=[], metadata={"serviceId": "any"})
    shapes = PropertyMock(return_value=[])
    type(model).error_shapes = shapes
    for _ in range(2):
        assert ErrorLookupFactory().for_service(model).from_code("None") is None
    return int(shapes.call_count)


def test_the_errors_of_a_service_are_listed_once(lab: Lab) -> None:
    assert errors_listed() == 1


def topics_arn() -> Any:
    """Return a field's shape."""
    description = moto_utils.get_service_model("sns")._service_description
    topic: Any = ServiceModel(description).shape_for("Topic")
    shape = topic.members["TopicArn"]
    shape.parent = topic
    return shape


def names_made(known: Any) -> tuple[list[str], int]:
    """Return the names that a topic's field may have, and how often they are made, for two."""
    context = AttributePickerContext(known, "TopicArn", topics_arn())
    plain = AttributePicker.get_possible_keys
    with patch.object(
        AttributePicker, "get_possible_keys", side_effect=plain, autospec=True
    ) as put:
        for _ in range(2):
            names = list(XFormedAttributePicker().get_possible_keys(context))
    return names, put.call_count


def test_the_names_of_a_field_are_put_together_once(lab: Lab) -> None:
    names, times = names_made({})
    assert (names, times) == (["TopicArn", "topic_arn", "Arn", "arn"], 1)
    shape, picker = topics_arn(), XFormedAttributePicker()
    for key in ("TopicArn", "Endpoint"):  # fields may share a shape
        assert next(iter(picker.get_possible_keys(AttributePickerContext({}, key, shape)))) == key
    other = topics_arn()
    other.parent = other  # by whose name the short one is known
    assert "Arn" not in picker.get_possible_keys(AttributePickerContext({}, "TopicArn", other))


def test_a_class_has_a_say_in_the_names_of_its_fields(lab: Lab) -> None:
    class Other:
        class Meta:
            serialization_aliases: ClassVar = {"TopicArn": "title"}

    names, times = names_made(Other())
    assert (names[0], times) == ("title", 2)


@pytest.mark.parametrize(
    "given",
    [
        "2026-01-31T23:59:59.123Z",
        "2026-01-31T23:59:59Z",
        "2026-01-31T23:59:59+02:00",
        "2026-01-31T23:59:59",
        "Sat, 31 Jan 2026 23:59:59 GMT",
        datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC),
        1769903999,
    ],
)
def test_a_time_is_read_as_moto_reads_it(lab: Lab, given: Any) -> None:
    with patch.object(serialize, "parse_to_aware_datetime", parse_to_aware_datetime):
        expected = serialize.parse_to_aware_datetime(given)
    assert serialize.parse_to_aware_datetime(given) == expected


def times_guessed() -> int:
    with patch.object(dateutil.parser, "parse", side_effect=dateutil.parser.parse) as guessed:
        serialize.parse_to_aware_datetime("2026-01-31T23:59:59Z")
    return guessed.call_count


def test_the_form_of_a_time_is_known(lab: Lab) -> None:
    assert times_guessed() == 0


def test_a_requests_headers_are_those_that_werkzeug_gives() -> None:
    environ = request("GET", "/", HTTP_X_AMZ_META_A_B="1", CONTENT_TYPE="text/plain", HTTP_RANGE="")
    environ |= {"HTTP_CONTENT_TYPE": "none", "SERVER_NAME": "none", "CONTENT_LENGTH": ""}
    environ["moto.preserved_header_names"] = {"HTTP_X_AMZ_META_A_B": "x-amz-meta-a_b"}
    ours, plain = server._Headers(environ), EnvironHeaders(environ)
    assert list(ours) == list(ours) == list(plain)
    assert list(ours.keys()) == list(plain.keys())
    assert list(ours.keys(lower=True)) == list(plain.keys(lower=True))
    assert {"x-amz-meta-a_b", "Content-Type"} <= {name for name, _ in ours}
    for name in ("x-amz-meta-a_b", "X-AMZ-META-A-B", "content-type", "Range"):
        assert ours[name] == plain[name]
    assert dict(ours.pairs) == dict(plain)
    assert server._Request(environ).url == f"http://{environ['HTTP_HOST']}/"
    assert "none" not in ours
    assert ours.get("none", "default") == "default"
    environ["CONTENT_LENGTH"] = "5"
    assert server._Headers(environ)["Content-Length"] == "5"
    assert ("Content-Length", "5") in server._Headers(environ).pairs


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("application/x-www-form-urlencoded", {"a": "b c"}),
        ("application/json", {}),
        ("", {}),
    ],
)
def test_a_form_is_read_where_there_is_one(kind: str, form: dict[str, str]) -> None:
    for first in ("form", "data"):
        asked = server._Request(request("POST", "/", body=b"a=b+c", CONTENT_TYPE=kind))
        getattr(asked, first)
        assert (asked.form.to_dict(), asked.files.to_dict()) == (form, {})
        assert asked.data == (b"" if form else b"a=b+c")


def test_a_form_that_the_gateway_read_is_not_read_again() -> None:
    environ = request("POST", "/", body=b"a=b+c&d=&a=e&f=%ff", CONTENT_TYPE=FORM)
    plain = server._Request(dict(environ))
    assert read(environ, principal="r", service="sns").parameters == {"a": "e", "f": "%FF"}
    environ["wsgi.input"] = None
    asked = server._Request(environ)
    assert asked.data == b""
    assert list(asked.form.lists()) == list(plain.form.lists())
    assert list(plain.form.items(multi=True))[:3] == [("a", "b c"), ("a", "e"), ("d", "")]


def regions_looked_through() -> int:
    """Return how often the regions are looked through for the partition of one."""
    regions = moto_utilities.REGION_PREFIX_TO_PARTITION
    prefixes = MagicMock(wraps=regions, __getitem__=lambda _, prefix: regions[prefix])
    prefixes.__iter__.side_effect = lambda: iter(regions)
    with patch.object(moto_utilities, "REGION_PREFIX_TO_PARTITION", prefixes):
        for _ in range(2):
            for module in (responses, authorization, s3_responses):
                assert module.get_partition("eu-probe-1") == "aws"
                assert module.get_partition("cn-north-1") == "aws-cn"
    return int(prefixes.__iter__.call_count)


def test_the_partition_of_a_region_is_known(lab: Lab) -> None:
    regions_looked_through()
    assert regions_looked_through() == 0


@probe(*server.partitions)
def test_plain_moto_looks_through_all_regions_for_a_partition() -> bool:
    return regions_looked_through() == 12


def addresses_taken_apart() -> int:
    """Return how often an address is taken apart that is asked for twice in each module."""
    with patch.object(urllib.parse, "urlsplit", side_effect=urllib.parse.urlsplit) as split:
        for each in server.addresses:
            found = [each.owner.urlparse("http://here/probe?a=b") for _ in range(2)]
            assert [(at.netloc, at.path, at.query) for at in found] == [
                ("here", "/probe", "a=b")
            ] * 2
    return split.call_count


def test_an_address_is_taken_apart_once(lab: Lab) -> None:
    addresses_taken_apart()
    assert addresses_taken_apart() == 0


@probe(*server.addresses)
def test_plain_moto_takes_an_address_apart_every_time() -> bool:
    return addresses_taken_apart() == 2 * len(server.addresses)


# ---------------------------------------------------------------------------- calls


@pytest.fixture
def answer(lab: Lab) -> Iterator[Callable[..., tuple[int, dict[str, str], bytes]]]:
    """Moto's services as the engine has them, with a bucket and no account."""

    def call(method: str, uri: str, service: str = "s3", **more: Any) -> Any:
        environ = signed(request(method, uri, service=service, HTTP_HOST="localhost", **more))
        body, status, headers = run_wsgi_app(applications[service], environ, buffered=True)
        names = [name.lower() for name, _ in headers]
        assert len(names) == len(set(names)), "none is there twice"
        return int(status.split()[0]), dict(headers), b"".join(body)

    applications = server.applications()
    with hooked(lab):
        assert call("PUT", "/photos")[0] == 200
        yield call


def test_a_call_is_answered_by_the_service_that_it_is_signed_for(answer: Any) -> None:
    assert answer("PUT", "/photos/a.jpg", body=b"bytes")[0] == 200
    status, headers, body = answer("GET", "/photos/a.jpg")
    assert (status, body) == (200, b"bytes")
    assert headers["Content-Length"] == "5"
    status, headers, body = answer("HEAD", "/photos/a.jpg")
    assert (status, headers["Content-Length"], body) == (200, "5", b"")
    assert answer("PUT", "/photos/form", body=b"a=b", CONTENT_TYPE=FORM)[0] == 200
    assert answer("GET", "/photos/form")[2] == b"a=b"
    status, headers, _ = answer("DELETE", "/photos/form")
    assert (status, "Content-Length" in headers) == (204, False)
    assert answer("GET", "/photos/%ff", PATH_INFO="/photos/\xff")[0] == 404
    target = {"HTTP_X_AMZ_TARGET": "AmazonSSM.GetParameter"}
    status, headers, body = answer("POST", "/", "ssm", body=b'{"Name": "none"}', **target)
    assert (status, json.loads(body)["__type"]) == (400, "ParameterNotFound")


def test_what_a_service_says_as_an_exception_is_its_answer(answer: Any) -> None:
    status, headers, body = answer("GET", "/2015-03-31/functions/none", "lambda")
    assert (status, json.loads(body)["__type"]) == (404, "ResourceNotFoundException")
    assert headers["Content-Type"] == "application/json"
    with pytest.raises(NotImplementedError, match=r"^/nowhere$"):
        answer("GET", "/nowhere", "lambda")


def test_an_error_of_a_client_that_moto_uses_is_told(
    answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        raise ClientError({"Error": {"Code": "Odd", "Message": "told"}}, "Any")

    monkeypatch.setattr(S3Response, "key_response", fails)
    status, _, body = answer("GET", "/photos/a.jpg")
    assert (status, body) == (400, b"told")


def test_a_refusal_that_moto_leaves_to_its_server_is_told(
    answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: Any) -> Any:
        raise UnsupportedMediaType("told")

    monkeypatch.setattr(S3Response, "key_response", refuses)
    status, _, body = answer("GET", "/photos/a.jpg")
    assert status == 415
    assert b"told" in body


def test_an_answer_may_be_a_body_alone(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(S3Response, "key_response", lambda *_: "alone")
    status, headers, body = answer("GET", "/photos/a.jpg")
    assert (status, body) == (200, b"alone")
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    status, headers, body = answer("HEAD", "/photos/a.jpg")
    assert (status, headers["Content-Length"], body) == (200, "5", b"")


def test_only_of_what_is_not_sent_the_length_is_told_by_who_knows_it(
    answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(S3Response, "key_response", lambda *_: (200, {"content-length": 9}, "123"))
    assert answer("GET", "/photos/a.jpg")[1]["Content-Length"] == "3"
    assert answer("HEAD", "/photos/a.jpg")[1]["Content-Length"] == "9"


def test_no_other_website_may_read_an_answer(answer: Any) -> None:
    _, headers, _ = answer("GET", "/photos", HTTP_ORIGIN="https://elsewhere.example")
    assert not [name for name in headers if name.startswith("Access-Control")]


def test_the_services_are_those_that_the_template_uses() -> None:
    kinds = {each["Type"].split("::")[1] for each in stack.translated()["Resources"].values()}
    names = {"StepFunctions": "states", "CloudWatch": "monitoring"}
    used = {names.get(kind, kind.lower()) for kind in kinds}
    assert set(server.SERVICES) == used | {"cloudformation"}  # which deploys it
    assert set(server.SERVICES.values()) <= set(backends.list_of_moto_modules()) | {"lambda"}


# ---------------------------------------------------------------------------- plain moto


@probe(server.method_names)
def test_plain_moto_lists_a_services_methods_for_every_call() -> bool:
    first, second = (responses.method_names_from_class(SQSResponse) for _ in range(2))
    return first is not second


@probe(server.service_names)
def test_plain_moto_lists_services_for_every_request() -> bool:
    """Every look reads the folder."""
    with patch("os.listdir", side_effect=os.listdir) as reads:
        for _ in range(2):
            list(backends.list_of_moto_modules())
    return reads.call_count == 2


@probe(server.description_loader)
def test_plain_moto_lists_descriptions_for_every_service() -> bool:
    return moto_utils.create_loader() is not moto_utils.create_loader()


@probe(server.regions)
def test_plain_moto_reads_a_description_for_the_regions() -> bool:
    with patch.object(Loader, "load_service_model", return_value={"metadata": {}}) as reads:
        AccountSpecificBackend("sqs", ACCOUNT, object, True, None)
    return reads.called


@probe(server.match_path)
def test_plain_moto_does_not_match_a_line_break() -> bool:
    converter = RegexConverter(MagicMock(), ".+")
    return re.fullmatch(converter.regex, "a\nb") is None


@probe(server.forget)
def test_plain_moto_remembers_all_that_it_made() -> bool:
    return is_remembered()


@probe(server.current_account, server.access_key)
def test_plain_moto_lets_a_header_say_the_account() -> bool:
    account, key = account_of(**{"x-moto-account-id": "111111111111"})
    return account != ACCOUNT and key is not None


@probe(server.visited)
def test_plain_moto_notes_the_use_of_a_key() -> bool:
    return is_noted()


@probe(server.names_of)
def test_plain_moto_puts_the_names_of_a_field_together_each_time() -> bool:
    return names_made({})[1] == 2


@probe(server.moment)
def test_plain_moto_guesses_the_form_of_a_time() -> bool:
    return times_guessed() == 1


@probe(server.service_of)
def test_plain_moto_locks_all_services_to_ask_for_one() -> bool:
    return locks(2) == 2


@probe(server.errors_of)
def test_plain_moto_lists_a_services_errors_for_each() -> bool:
    return errors_listed() == 2


@probe(server.random_string)
def test_plain_moto_draws_an_id_letter_by_letter() -> bool:
    return draws() > 1
