"""A sample of the JSONata evaluations of the state machine's tests, for the reference to repeat.

Made again, when the definition's expressions have changed, by
``.venv/bin/python -m pytest tests/statemachine --record-jsonata``.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

from darkroom_ops.engine.stepfunctions import jsonata

Evaluation = dict[str, Any]

SAMPLE = Path(__file__).with_name("evaluations.json")

KEPT = 4
"""Of each expression, with different results, the shortest bindings first."""

CHANGING = re.compile(r"\$(?:uuid|random|now|millis)\b")
"""Functions whose result is another each time."""


@contextlib.contextmanager
def recording() -> Iterator[None]:
    """Record every evaluation of this process, and then write the sample."""
    found: dict[str, dict[str, Evaluation]] = defaultdict(dict)
    evaluate = jsonata.evaluate

    def evaluated(expression: str, bindings: Mapping[str, Any]) -> Any:
        result = evaluate(expression, bindings)  # what fails is worded otherwise by the reference
        outcome = {} if result is jsonata.UNDEFINED else {"value": result}
        keep(found[expression], expression, bindings, outcome)
        return result

    with patch.object(jsonata, "evaluate", evaluated):
        yield
    write(found)


def keep(
    known: dict[str, Evaluation], expression: str, bindings: Mapping[str, Any], outcome: Evaluation
) -> None:
    """Keep an evaluation of an expression if none with its result has smaller bindings."""
    if CHANGING.search(expression):
        return
    used = {
        name: json.loads(json.dumps(jsonata._used(expression, name, value), default=jsonata._text))
        for name, value in bindings.items()
        if f"${name}" in expression
    }
    evaluation = {"expression": expression, "bindings": used} | outcome
    key = json.dumps(outcome, sort_keys=True)
    if key not in known or len(json.dumps(used)) < len(json.dumps(known[key]["bindings"])):
        known[key] = evaluation


def write(found: Mapping[str, Mapping[str, Evaluation]]) -> None:
    """Write the sample, an evaluation in each line."""
    chosen = [
        each
        for _, known in sorted(found.items())
        for each in sorted(known.values(), key=lambda e: (len(json.dumps(e)), json.dumps(e)))[:KEPT]
    ]
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in chosen)
    SAMPLE.write_text(f"[\n{lines}\n]\n")
