"""What several checks read of a stack, once; and the commands that they tell people to type."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from darkroom.contract.text import shell

from darkroom_ops.deployment import Deployment


class Stack:
    """A deployed stack, as AWS describes it."""

    def __init__(self, deployment: Deployment) -> None:
        self.at = deployment

    @cached_property
    def described(self) -> Any:
        """What CloudFormation says of it."""
        return self.at.cloudformation.describe_stacks(StackName=self.at.stack)["Stacks"][0]

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The parameters that it was deployed with."""
        given = self.described.get("Parameters", [])
        return {each["ParameterKey"]: each.get("ParameterValue", "") for each in given}

    @cached_property
    def resources(self) -> list[Any]:
        """Its resources, as CloudFormation lists them."""
        pages = self.at.cloudformation.get_paginator("list_stack_resources").paginate(
            StackName=self.at.stack
        )
        return [each for page in pages for each in page["StackResourceSummaries"]]

    def of_type(self, kind: str) -> list[str]:
        """Return the physical names of its resources of a type, such as ``AWS::Events::Rule``."""
        return [
            each["PhysicalResourceId"] for each in self.resources if each["ResourceType"] == kind
        ]

    @cached_property
    def machine(self) -> Any:
        """The state machine."""
        return self.at.stepfunctions.describe_state_machine(
            stateMachineArn=self.at.state_machine_arn
        )

    @cached_property
    def functions(self) -> list[Any]:
        """Its functions: what GetFunction says of each."""
        names = self.of_type("AWS::Lambda::Function")
        return [self.at.lambda_.get_function(FunctionName=name) for name in names]

    def function(self, name: str) -> Any:
        """Return one of the functions."""
        return next(e for e in self.functions if e["Configuration"]["FunctionName"] == name)

    def aws(self, *words: str) -> str:
        """Return a command of the AWS CLI about this stack's region, or the engine."""
        return self.at.aws(*words)

    def darkroom(self, *words: str) -> str:
        """Return a `darkroom` command about this stack."""
        place = ["--endpoint", self.at.endpoint] if self.at.endpoint else ["--stack", self.at.stack]
        return shell("darkroom", *words, *place)

    def undo_drift(self) -> str:
        """Return the commands that make the stack what its template says.

        CloudFormation user guide, "Using drift-aware change sets". A parameter that is not named
        would go back to its default.
        """
        about = ("--stack-name", self.at.stack, "--change-set-name", "undo-drift")
        kept = [f"ParameterKey={name},UsePreviousValue=true" for name in self.parameters]
        made = self.aws(
            "cloudformation",
            "create-change-set",
            *about,
            "--use-previous-template",
            "--deployment-mode",
            "REVERT_DRIFT",
            "--capabilities",
            "CAPABILITY_IAM",
            *(("--parameters", *kept) if kept else ()),
        )
        waits = self.aws("cloudformation", "wait", "change-set-create-complete", *about)
        return f"{made} && {waits} && {self.aws('cloudformation', 'execute-change-set', *about)}"
