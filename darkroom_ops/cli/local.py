"""Starting the engine for a command, with messages about what the user can correct."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml
from botocore.exceptions import ClientError
from samtranslator.model.exceptions import InvalidDocumentException

from darkroom_ops.cli.address import TEMPLATE
from darkroom_ops.engine.data.store import Unusable
from darkroom_ops.engine.deploy import read_template
from darkroom_ops.engine.engine import SUBSCRIBERS, Engine
from darkroom_ops.engine.parameters import read
from darkroom_ops.present.failures import WrongUse


def start(
    port: int = 0,
    template: Path = TEMPLATE,
    secret_key: str | None = None,
    parameters: Sequence[str] = (),
    data: Path | None = None,
) -> Engine:
    """Return a running engine with the template deployed, with parameters as ``Name=Value``.

    It has a new secret key if none is given. WrongUse says that there is no template, or why it
    cannot be deployed so, or keep its data in that folder; PortInUse, that something listens on the
    port, of which 0 means any free one.
    """
    if not template.exists():
        raise WrongUse(
            f"Expected the SAM template at {template}, but there is none. Install Darkroom anew, "
            "in a clone of the project by `pip install -e '.[ops]'`."
        )
    try:
        values = read(parameters, read_template(template)["Parameters"]) if parameters else {}
    except ValueError as error:
        raise WrongUse(str(error)) from error
    except yaml.YAMLError as error:
        raise WrongUse(_broken(template, str(error))) from error
    given = SUBSCRIBERS | values
    try:
        return Engine(template, port=port, secret_key=secret_key, parameters=given, data=data)
    except (RuntimeError, Unusable) as error:
        raise WrongUse(str(error)) from error
    except InvalidDocumentException as error:
        reasons = [error.message, *(cause.message for cause in error.causes)]
        raise WrongUse(_broken(template, " ".join(reasons))) from error
    except (yaml.YAMLError, ClientError, FileNotFoundError) as error:
        raise WrongUse(_broken(template, str(error))) from error


def _broken(template: Path, reason: str) -> str:
    return f"The engine cannot deploy {template.name}: {reason}"
