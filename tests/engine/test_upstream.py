"""Every report in docs/upstream.md is of a fault that plain moto has, and is named by its hook."""

from __future__ import annotations

import re
from collections.abc import Iterator

import moto
import pytest
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

from darkroom_ops.engine.moto.hooks import hook
from tests.conftest import ROOT
from tests.support.aws import engine_aside
from tests.unit.engine.moto.lab import settle

REPORT = re.compile(
    r"^## (?P<title>.+?)\n\n```python\n(?P<case>.+?)```\n\n.+?https://docs\.aws\.amazon\.com/.+?\n\n"
    r"moto (?P<version>\S+): `(?P<answer>.+?)`$",
    re.DOTALL | re.MULTILINE,
)

TEXT = (ROOT / "docs/upstream.md").read_text()
REPORTS = {found["title"]: found for found in REPORT.finditer(TEXT)}


@pytest.fixture
def without_engine(running: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only moto, which one of the cases leaves spoiled for the others."""
    monkeypatch.setattr(Preprocessor, "_query_language_per_scope", [])
    with engine_aside():
        yield
        settle()  # an execution that goes on would read its definition beside the next case's


def test_every_report_has_a_case_a_source_and_an_answer() -> None:
    assert list(REPORTS) == re.findall(r"^## (.+)$", TEXT, re.MULTILINE)


def test_hooks_name_the_reports_and_no_others() -> None:
    assert {each.report for each in hook.HOOKS if each.report} == set(REPORTS)


@pytest.mark.parametrize("title", REPORTS)
def test_plain_moto_gives_the_answer_that_is_reported(title: str, without_engine: None) -> None:
    report = REPORTS[title]
    with pytest.raises(AssertionError) as wrong:
        exec(compile(report["case"], title, "exec"), {})  # noqa: S102 - our own document
    assert (str(wrong.value), moto.__version__) == (report["answer"], report["version"])
