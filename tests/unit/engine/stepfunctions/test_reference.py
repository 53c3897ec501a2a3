"""What the state machine's tests evaluate comes out the same in JSONata's reference, in JavaScript.

The sample is made again by what tests/support/evaluations.py says.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from darkroom_ops.engine.stepfunctions.jsonata import UNDEFINED, evaluate
from tests.support.definition import DEFINITION, SOURCE_BUCKET
from tests.support.evaluations import CHANGING, SAMPLE, keep
from tools.checks import asl
from tools.checks.findings import Skipped

SAMPLES: list[dict[str, Any]] = json.loads(SAMPLE.read_text())


def expressions(value: Any) -> set[str]:
    """Return what stands between ``{%`` and ``%}`` anywhere."""
    if isinstance(value, str):
        return {found[1] for found in re.finditer(r"\A\{%(.*)%\}\Z", value, flags=re.DOTALL)}
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return set().union(*map(expressions, values))


def same(ours: Any, theirs: Any) -> bool:
    """Return whether two JSON values are, in which 1 and 1.0 are one, and true is no number."""
    return json.dumps(_number(ours), sort_keys=True) == json.dumps(_number(theirs), sort_keys=True)


def _number(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _number(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_number(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@pytest.mark.again("test_the_engine_has_the_recorded_results, which the reference gave, too")
def test_the_reference_has_the_same_results() -> None:
    asked = [{key: each[key] for key in ("expression", "bindings")} for each in SAMPLES]
    try:
        theirs = json.loads(asl.run("evaluate.mjs", asked))
    except Skipped as skipped:
        pytest.skip(str(skipped))
    ours = [{key: each[key] for key in ("value",) if key in each} for each in SAMPLES]
    differ = [
        (each["expression"], mine, other)
        for each, mine, other in zip(SAMPLES, ours, theirs, strict=True)
        if not same(mine, other)
    ]
    assert differ == []


@pytest.mark.parametrize("expression", sorted({each["expression"] for each in SAMPLES}))
def test_the_engine_has_the_recorded_results(expression: str) -> None:
    """So the sample that the reference repeats is still what the engine does."""
    for each in SAMPLES:
        if each["expression"] == expression:
            found = evaluate(expression, each["bindings"])
            assert same(
                {} if found is UNDEFINED else {"value": found},
                {k: each[k] for k in each.keys() & {"value"}},
            )


def test_the_sample_has_every_expression_of_the_definition() -> None:
    """If not, record it again: tests/support/evaluations.py says how."""
    deployed = "darkroom-sourcebucket-123456789012"
    sampled = {each["expression"].replace(deployed, SOURCE_BUCKET).strip() for each in SAMPLES}
    wanted = {each.strip() for each in expressions(DEFINITION) if not CHANGING.search(each)}
    assert wanted - sampled == set()


def test_of_the_same_result_the_smallest_is_kept() -> None:
    known: dict[str, Any] = {}
    for text in ("long text", "b", "longer text"):
        keep(known, "$length($a) > 0", {"a": text, "unused": 1}, {"value": True})
    keep(known, "$length($a) > 0", {"a": ""}, {"value": False})
    keep(known, "$uuid()", {}, {"value": "another each time"})
    assert [each["bindings"] for each in known.values()] == [{"a": "b"}, {"a": ""}]
