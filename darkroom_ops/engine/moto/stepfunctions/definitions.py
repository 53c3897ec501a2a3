"""Definitions: how they are deployed, parsed, and their JSONata evaluated."""

from __future__ import annotations

import functools
from typing import Any

from moto.stepfunctions.models import StateMachine
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringJSONata
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from darkroom_ops.engine.moto.hook import hook
from darkroom_ops.engine.moto.stepfunctions.failures import failure
from darkroom_ops.engine.stepfunctions import jsonata


@hook(
    StateMachine,
    "create_from_cloudformation_json",
    "Moto's CloudFormation puts machines where they do not run; it ignores substitutions.",
    report="CloudFormation's state machines do not run",
)
def create_from_cloudformation(
    resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
) -> Any:
    properties = cloudformation_json["Properties"]
    definition = properties["DefinitionString"]
    for name, value in properties.get("DefinitionSubstitutions", {}).items():
        definition = definition.replace(f"${{{name}}}", str(value))
    backend = stepfunctions_parser_backends[account_id][region_name]
    return backend.create_state_machine(
        name=properties.get("StateMachineName", resource_name),
        definition=definition,
        roleArn=properties["RoleArn"],
        sm_type=properties.get("StateMachineType", "STANDARD"),
        loggingConfiguration=_lower(properties.get("LoggingConfiguration")),
        tracingConfiguration=_lower(properties.get("TracingConfiguration")),
    )


def _lower(said: Any) -> Any:
    """Return CloudFormation's words as the API has them, which begin with a small letter."""
    if isinstance(said, dict):
        return {f"{name[0].lower()}{name[1:]}": _lower(value) for name, value in said.items()}
    if isinstance(said, list):
        return [_lower(each) for each in said]
    return {"true": True, "false": False}.get(said, said) if isinstance(said, str) else said


@hook(
    Preprocessor,
    "__init__",
    "Moto keeps the parser's scopes on the class: parsing two at once mixes them up.",
    report="A definition that is refused changes how the next one is read",
)
def preprocessor_init(self: Any) -> None:
    self._query_language_per_scope = []


@hook(
    AmazonStateLanguageParser,
    "parse",
    "Moto parses a definition for every execution, which takes longer than running it.",
)
@functools.lru_cache(maxsize=16)
def parse(definition: str) -> Any:
    return parse.original(definition)


@hook(result_path, "parse", "Moto makes a parser of JSONPath for the result of every state.")
@functools.lru_cache(maxsize=64)
def parse_path(path: str) -> Any:
    return parse_path.original(path)


@hook(
    StringJSONata,
    "_eval_body",
    "Moto has no JSONata evaluator, and would splice variables unescaped into expressions.",
)
def evaluate_jsonata(self: Any, env: Environment) -> None:
    bindings = {**env.variable_store._outer_scope, **env.variable_store._inner_scope}
    bindings["states"] = {
        # Only what a state has: an absent errorOutput is undefined, not null.
        key: value
        for key, value in env.states._states_data.items()
        if value is not None or key == "input"
    }
    try:
        result = jsonata.evaluate(self.expression, bindings)
    except jsonata.QueryError as error:
        raise _query_failed(env, self.expression, f"failed: {error}") from error
    if result is jsonata.UNDEFINED:
        raise _query_failed(env, self.expression, "returned nothing (undefined).")
    env.stack.append(result)


def _query_failed(env: Environment, expression: str, what: str) -> Exception:
    error, cause = "States.QueryEvaluationError", f"The JSONata expression '{expression}' {what}"
    return failure(env, HistoryEventType.EvaluationFailed, error, cause)
