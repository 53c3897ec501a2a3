"""Run cdk-nag on CloudFormation templates, and print its findings as JSON.

Runs in the environment of the checks: ``python nag.py FOLDER TEMPLATE …``; FOLDER is for what the
CDK writes. Each finding is ``[rule, logical name, message]``.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path

from aws_cdk import App, Stack, Validations
from aws_cdk.cloudformation_include import CfnInclude
from cdk_nag import AwsSolutionsChecks, ServerlessChecks


def findings(folder: Path, templates: list[Path]) -> list[tuple[str, str, str]]:
    """Return what the packs object to."""
    app = App(outdir=str(folder))
    for template in templates:
        stack = Stack(app, template.stem)
        CfnInclude(stack, "template", template_file=str(template))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    # Synthesis fails when there are findings; the report has them either way.
    with contextlib.suppress(RuntimeError), contextlib.redirect_stdout(io.StringIO()):
        app.synth()
    report = json.loads((folder / "validation-report.json").read_text())
    packs = {"AwsSolutions", "Serverless"}  # the CDK's own advice on templates is cfn-lint's
    return [
        (violation["ruleName"], construct["constructPath"].split("/")[2], violation["description"])
        for plugin in report["pluginReports"]
        if plugin["pluginName"] in packs
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    ]


if __name__ == "__main__":
    json.dump(findings(Path(sys.argv[1]), [Path(each) for each in sys.argv[2:]]), sys.stdout)
