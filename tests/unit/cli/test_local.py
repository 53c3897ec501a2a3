"""The engine that a command starts, and what is said of one that cannot be started."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import yaml
from botocore.exceptions import ClientError
from samtranslator.model.exceptions import InvalidDocumentException, InvalidTemplateException

from darkroom_ops.cli import local
from darkroom_ops.engine.data.store import Unusable
from darkroom_ops.present.failures import WrongUse
from tests.conftest import TEMPLATE


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Mock:
    made = Mock()
    monkeypatch.setattr(local, "Engine", made)
    return made


def test_an_engine_has_what_it_is_given_and_somebody_who_is_told(
    engine: Mock, tmp_path: Path
) -> None:
    given: Any = {"port": 4599, "secret_key": "secret", "data": tmp_path}

    found = local.start(parameters=["AlertEmail=ann@example.com", "SourcePrefix=a/"], **given)

    assert found is engine.return_value
    assert engine.call_args.args == (TEMPLATE,)
    told = engine.call_args.kwargs.pop("parameters")
    assert engine.call_args.kwargs == given
    assert told == {
        "NotificationEmail": "you@example.com",
        "NotificationPhone": "+15550100",
        "AlertEmail": "ann@example.com",
        "AlertPhone": "+15550199",
        "AlertPhoneFaults": "both",
        "SourcePrefix": "a/",
    }


def test_an_engine_is_on_any_free_port_unless_one_is_named(engine: Mock) -> None:
    local.start()

    assert engine.call_args.kwargs["port"] == 0


BROKEN = "The engine cannot deploy template.yaml: "
INVALID = "Invalid Serverless Application Specification document. Number of errors found: 1."


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("One engine runs."), "One engine runs."),
        (Unusable("Another engine has it."), "Another engine has it."),
        (
            InvalidDocumentException([InvalidTemplateException("no 'Resources'")]),
            f"{BROKEN}{INVALID} Structure of the SAM template is invalid. no 'Resources'",
        ),
        (yaml.YAMLError("expected a key"), f"{BROKEN}expected a key"),
        (FileNotFoundError("nowhere.asl.yaml"), f"{BROKEN}nowhere.asl.yaml"),
        (
            ClientError({"Error": {"Code": "Invalid", "Message": "no role"}}, "CreateStack"),
            f"{BROKEN}An error occurred (Invalid) when calling the CreateStack operation: no role",
        ),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else "",
)
def test_what_keeps_an_engine_from_starting_is_told(
    engine: Mock, error: Exception, said: str
) -> None:
    engine.side_effect = error

    with pytest.raises(WrongUse) as told:
        local.start()

    assert str(told.value) == said


def test_what_is_wrong_before_is_told_and_nothing_started(engine: Mock, tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"BufferConcurrency cannot be '1'\. Expected 0 "):
        local.start(parameters=["BufferConcurrency=1"])
    with pytest.raises(WrongUse, match=r"Expected the SAM template at .*, but there is none"):
        local.start(template=tmp_path / "template.yaml")
    (broken := tmp_path / "broken.yaml").write_text("Parameters: {")
    with pytest.raises(WrongUse, match=r"The engine cannot deploy broken\.yaml: while parsing "):
        local.start(template=broken, parameters=["SourcePrefix=a/"])

    engine.assert_not_called()
