"""A deployed stack, on AWS or in the local engine: its names and clients for it.

Names are read from the stack's outputs, so that the engine, AWS and any other endpoint are used in
the same way.
"""

from __future__ import annotations

import contextlib
import datetime
import gzip
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.loaders import JSONFileLoader, Loader
from botocore.utils import parse_timestamp
from darkroom.contract.text import shell

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_stepfunctions import SFNClient

DEFAULT_STACK = "darkroom"
DEFAULT_REGION = "us-east-1"

OPERATOR = "darkroom"
"""The access key of whoever runs the engine; its secret is new on each machine."""

PROFILE = "darkroom"
"""The name of the profile in which AWS's clients find an engine that runs."""

MESSAGES = ("darkroom", "messages")
"""Where the engine says how many messages went out about each execution, as an object of S3: so
asking for it is signed as all calls are. AWS has no such thing."""

LEDGER = ("darkroom", "executions")
"""Where the engine says what it knows of each execution that has ended, in the same way."""


class NotDeployed(Exception):
    """There is no such stack, or it cannot be read."""


class _Files(JSONFileLoader):
    """Reads the models of AWS's services in a third of the time that botocore's own way takes."""

    def load_file(self, file_path: str) -> Any:
        """Return what is in a file, whose name has no ending here; None where there is none."""
        for ending, opened in ((".json", open), (".json.gz", gzip.open)):
            with contextlib.suppress(FileNotFoundError), opened(file_path + ending, "rb") as file:
                return msgspec.json.decode(file.read())
        return None


class _Models(Loader):
    """Finds the models of AWS's services.

    botocore's own way looks into each of its 400 folders whether a file is there, for each kind of
    file, to say so in its message if there is no such service. Both are a tenth of a second of each
    command, which asks a few services once.
    """

    FILE_LOADER_CLASS = _Files

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore's
        """Return what each folder is named, whatever is in it."""
        folders = (Path(path) for path in self.search_paths)
        return [each.name for path in folders if path.is_dir() for each in path.iterdir()]


def _client(service: str) -> Any:
    return cached_property(lambda deployment: deployment.client(service))


class Deployment:
    """Names and clients of a stack.

    The endpoint is the address of the engine or another emulator, None for AWS; the region is that
    of the environment, or us-east-1, when none is given. The engine's secret key, where it is
    given, counts before the environment's credentials; the profile is the file that tells AWS's
    clients of the engine.
    """

    s3: cached_property[S3Client] = _client("s3")
    stepfunctions: cached_property[SFNClient] = _client("stepfunctions")
    dynamodb: cached_property[DynamoDBClient] = _client("dynamodb")
    sns: cached_property[SNSClient] = _client("sns")
    sqs: cached_property[SQSClient] = _client("sqs")
    ssm: cached_property[SSMClient] = _client("ssm")
    lambda_: cached_property[LambdaClient] = _client("lambda")
    logs: cached_property[CloudWatchLogsClient] = _client("logs")
    cloudformation: cached_property[CloudFormationClient] = _client("cloudformation")
    events: cached_property[EventBridgeClient] = _client("events")
    # What only the doctor looks at, so that no stubs are installed for them.
    cloudtrail: cached_property[Any] = _client("cloudtrail")
    cloudwatch: cached_property[Any] = _client("cloudwatch")
    iam: cached_property[Any] = _client("iam")
    kms: cached_property[Any] = _client("kms")
    quotas: cached_property[Any] = _client("service-quotas")

    def __init__(
        self,
        stack: str = DEFAULT_STACK,
        endpoint: str | None = None,
        region: str | None = None,
        secret_key: str | None = None,
        profile: Path | None = None,
    ) -> None:
        self.stack = stack
        self.endpoint = endpoint
        self.profile = profile
        # botocore's, without boto3 around it: all that boto3 adds here is its time to load.
        session = self._session = botocore.session.get_session()
        paths = session.get_component("data_loader").search_paths
        models = _Models(paths, include_default_search_paths=False)
        session.register_component("data_loader", models)
        session.get_component("response_parser_factory").set_parser_defaults(
            timestamp_parser=_moment
        )
        default = None if endpoint else session.get_config_variable("region")
        self.region: str = region or default or DEFAULT_REGION
        if endpoint and secret_key is None and session.get_credentials() is None:
            # Another emulator takes any credentials, but boto3 does not sign without some.
            secret_key = OPERATOR
        if secret_key is not None:
            session.set_credentials(OPERATOR, secret_key)

    @property
    def exports(self) -> dict[str, str]:
        """What tells AWS's clients of an engine or emulator, as environment variables."""
        keys = self._session.get_credentials()
        if self.endpoint is None or keys is None:
            return {}
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": str(keys.access_key),
            "AWS_SECRET_ACCESS_KEY": str(keys.secret_key),
        }

    def aws(self, *words: str) -> str:
        """Return a command of the AWS CLI about this stack, as it is typed.

        The endpoint stands beside the profile that has it, too: CLIs of before 2023 would ask AWS.
        """
        place = ["--endpoint-url", self.endpoint] if self.endpoint else []
        typed = ["aws", *words, *place, "--region", self.region]
        if self.profile is None:
            return shell(*typed)
        return f"AWS_CONFIG_FILE={shell(str(self.profile))} {shell(*typed, '--profile', PROFILE)}"

    def client(self, service: str) -> Any:
        """Return a client for a service."""
        config = Config(max_pool_connections=50)
        if self.endpoint is None:
            # AWS throttles who reads many histories; that an emulator is gone is said at once.
            config = config.merge(Config(retries={"mode": "standard", "max_attempts": 8}))
        return self._session.create_client(
            service, self.region, endpoint_url=self.endpoint, config=config
        )

    @property
    def stack_id(self) -> str:
        """The stack's ARN: a stack that is deployed anew under the same name has another."""
        return self._described["StackId"]

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs; NotDeployed where no deployment has gone through yet."""
        found = self._described.get("Outputs", [])
        if not found:
            events = ("cloudformation", "describe-stack-events", "--stack-name", self.stack)
            raise NotDeployed(
                f"Expected the stack {self.stack!r} to be deployed, but it is "
                f"{self._described['StackStatus']}, and has no outputs yet. See what became of its "
                f"deployment: {self.aws(*events)}"
            )
        return {each["OutputKey"]: each["OutputValue"] for each in found}

    @cached_property
    def _described(self) -> StackTypeDef:
        where = self.endpoint or f"region {self.region}"
        try:
            (stack,) = self.cloudformation.describe_stacks(StackName=self.stack)["Stacks"]
        except NoCredentialsError:  # says nothing of the stack
            raise
        except (ClientError, BotoCoreError) as error:
            raise NotDeployed(
                f"Expected a deployed stack named {self.stack!r} at {where}, but: "
                f"{str(error).rstrip('.')}. Start the local engine with `darkroom up`, or name a "
                "stack with --stack."
            ) from error
        return stack

    def __getattr__(self, name: str) -> str:
        """Return an output by its snake_case name: ``source_bucket_name``."""
        camel = re.sub(r"(?:^|_)([a-z])", lambda match: match[1].upper(), name)
        if name.startswith("_") or camel not in self.outputs:
            raise AttributeError(f"The stack {self.stack!r} has no output {camel}.")
        return self.outputs[camel]


def _moment(value: str | float) -> datetime.datetime:
    """Read a time in an answer: seconds since the epoch, or a text in one of AWS's forms.

    botocore's own way takes a tenth of a millisecond for each number: half of the time that a list
    of 1,000 executions takes.
    """
    if not isinstance(value, str):
        return datetime.datetime.fromtimestamp(value, datetime.UTC)
    return parse_timestamp(value)
