"""Known vulnerabilities in what is pinned, by pip-audit, when its service can be reached."""

from __future__ import annotations

import json
import subprocess

from tools.checks.findings import Finding, Skipped
from tools.checks.stack import ROOT, tool

PINNED = ("requirements/dev.txt", "layers/darkroom/requirements.txt")
"""What runs on developers' machines, and what ships to Lambda."""


def check() -> list[Finding]:
    """Look every pinned package up."""
    findings: list[Finding] = []
    for path in PINNED:
        command = [
            tool("pip-audit"), "--requirement", str(ROOT / path), "--require-hashes",
            "--disable-pip", "--progress-spinner", "off", "--timeout", "10", "--format", "json",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            report = json.loads(done.stdout)
        except ValueError:
            last = (done.stderr.strip() or "no output").splitlines()[-1]
            raise Skipped(f"the advisory service cannot be asked: {last[:160]}") from None
        audited = [each for each in report["dependencies"] if "skip_reason" not in each]
        if not audited:
            # pip-audit calls this clean; it has looked at nothing.
            raise Skipped(f"the advisory service knows no package of {path}: nothing was audited")
        for package in audited:
            for each in package.get("vulns", []):
                fixed = ", ".join(each["fix_versions"]) or "no version yet"
                where = f"{package['name']} {package['version']} ({path})"
                findings.append(Finding(each["id"], where, f"mended in {fixed}"))
        findings += [
            Finding("not audited", package["name"], package["skip_reason"])
            for package in report["dependencies"]
            if "skip_reason" in package
        ]
    return list(dict.fromkeys(findings))  # both files may pin the same
