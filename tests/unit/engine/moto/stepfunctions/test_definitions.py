"""Definitions: deployed, parsed, and their JSONata."""

from __future__ import annotations

import json
from typing import Any

import pytest
from moto.stepfunctions.models import StateMachine
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from darkroom_ops.engine.moto.stepfunctions import definitions
from tests.support.aws import client
from tests.unit.engine.moto.lab import ACCOUNT, PASS, REGION, ROLE, Json, Lab, chain
from tests.unit.engine.moto.probes import machine_with, probe, run

# ---------------------------------------------------------------------------- JSONata


GIVEN: Json = {"a": 7, "s": '"'}


def jsonata(state: Json) -> Json:
    assign = {"n": 2, "s": "{% $states.input.s %}"}
    return chain(A={"Type": "Pass", "Assign": assign}, B=state) | {"QueryLanguage": "JSONata"}


@pytest.mark.parametrize(
    ("expression", "output"),
    [
        ("$n + 1", 3),
        ("$s & '!'", '"!'),
        ("$states.input.a", 7),
        ("$states.context.Execution.Name", "run"),
        ("$exists($states.errorOutput)", False),
        ("null", None),
    ],
)
def test_an_expression_sees_variables_and_states(lab: Lab, expression: str, output: Any) -> None:
    done = lab.run(jsonata({"Type": "Pass", "Output": f"{{% {expression} %}}"}), GIVEN)
    assert (done.status, done.output) == ("SUCCEEDED", output)


def test_an_expression_sees_an_input_that_is_null(lab: Lab) -> None:
    null = {"Type": "Pass", "Output": "{% null %}"}
    look = {"Type": "Pass", "Output": "{% $states.input = null %}"}
    definition = chain(A=null, B=look) | {"QueryLanguage": "JSONata"}
    assert lab.run(definition).output is True


def test_variables_reach_into_a_branch(lab: Lab) -> None:
    inner = chain(C={"Type": "Pass", "Output": "{% $n %}"})
    parallel = {"Type": "Parallel", "Branches": [inner]}
    assert lab.run(jsonata(parallel), GIVEN).output == [2]


@pytest.mark.parametrize(
    ("expression", "cause"),
    [
        ("$nothing", "The JSONata expression '$nothing' returned nothing (undefined)."),
        ("$error('odd')", "The JSONata expression '$error('odd')' failed: odd"),
    ],
)
def test_an_expression_that_fails_is_told_with_its_text(
    lab: Lab, expression: str, cause: str
) -> None:
    done = lab.run(jsonata({"Type": "Pass", "Output": f"{{% {expression} %}}"}), GIVEN)
    assert (done.status, done.error) == ("FAILED", "States.QueryEvaluationError")
    assert cause in done.cause


def test_definitions_are_parsed_once_and_side_by_side(lab: Lab) -> None:
    definition = json.dumps(chain(A=PASS))
    first, second = (AmazonStateLanguageParser.parse(definition) for _ in range(2))
    assert first is second
    one, other = Preprocessor(), Preprocessor()
    one._query_language_per_scope.append(1)
    assert other._query_language_per_scope == []


def test_cloudformation_makes_machines_that_run(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        definitions, "stepfunctions_parser_backends", {ACCOUNT: {REGION: lab.backend}}
    )
    definition = json.dumps(chain(A={"Type": "Pass", "Result": "${One}-${Two}"}))
    properties = {
        "DefinitionString": definition, "RoleArn": ROLE,
        "DefinitionSubstitutions": {"One": "1", "Two": 2},
    }  # fmt: skip

    def made(**more: Any) -> Any:
        return StateMachine.create_from_cloudformation_json(
            "Logical", {"Properties": properties | more}, ACCOUNT, REGION, anything="else"
        )

    plain = made()
    assert (plain.name, plain.roleArn) == ("Logical", ROLE)
    assert json.loads(plain.definition)["States"]["A"]["Result"] == "1-2"
    assert plain.type == "STANDARD"
    express = made(StateMachineName="named", StateMachineType="EXPRESS")
    assert (express.name, express.type) == ("named", "EXPRESS")
    assert [machine.name for machine in lab.backend.state_machines] == ["Logical", "named"]
    group = {"LogGroupArn": "arn:group"}
    told = made(
        StateMachineName="told",
        TracingConfiguration={"Enabled": "true"},
        LoggingConfiguration={
            "Level": "ERROR",
            "IncludeExecutionData": False,
            "Destinations": [{"CloudWatchLogsLogGroup": group}],
        },
    )
    assert told.tracingConfiguration == {"enabled": True}
    assert told.loggingConfiguration == {
        "level": "ERROR",
        "includeExecutionData": False,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": "arn:group"}}],
    }


# ---------------------------------------------------------------------------- plain moto


def test_the_path_of_a_result_is_parsed_once(lab: Lab) -> None:
    assert result_path.parse("$.probe") is result_path.parse("$.probe")


@probe(definitions.parse_path)
def test_plain_moto_parses_the_path_of_every_result() -> bool:
    return result_path.parse("$.probe") is not result_path.parse("$.probe")


@probe(definitions.evaluate_jsonata)
def test_plain_moto_has_no_jsonata() -> bool:
    state = {"Type": "Pass", "Output": "{% 1 + 1 %}", "End": True}
    described = run(machine_with(state) | {"QueryLanguage": "JSONata"})
    return described.get("output") != "2"


@probe(definitions.preprocessor_init)
def test_plain_moto_shares_the_scopes_of_parsing() -> bool:
    first, second = Preprocessor(), Preprocessor()
    return first._query_language_per_scope is second._query_language_per_scope


@probe(definitions.parse)
def test_plain_moto_parses_every_time() -> bool:
    definition = json.dumps(machine_with({"Type": "Succeed"}))
    first, second = (AmazonStateLanguageParser.parse(definition)[0] for _ in range(2))
    return first is not second


@probe(definitions.create_from_cloudformation)
def test_plain_moto_deploys_a_machine_that_does_not_run() -> bool:
    definition = json.dumps(machine_with({"Type": "Succeed"}))
    resource = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {"DefinitionString": definition, "RoleArn": ROLE},
    }
    template = json.dumps({"Resources": {"Machine": resource}})
    before = len(stepfunctions_parser_backends[ACCOUNT][REGION].state_machines)
    client("cloudformation").create_stack(StackName="probe", TemplateBody=template)
    return len(stepfunctions_parser_backends[ACCOUNT][REGION].state_machines) == before
