"""Services, their descriptions, and keys of objects."""

from __future__ import annotations

import os
import re
from types import SimpleNamespace
from unittest.mock import MagicMock, patch

from botocore.loaders import Loader
from moto import backends
from moto.core import utils as moto_utils
from moto.core.base_backend import AccountSpecificBackend
from moto.moto_server.utilities import RegexConverter

from darkroom_ops.engine.moto import server
from tests.unit.engine.moto.lab import ACCOUNT, Lab
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
    assert re.fullmatch(converter.regex, "a\nb")


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
