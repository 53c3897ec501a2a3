"""Run every check of the stack: ``python -m tools.checks``; ``checkov asl`` behind it are some.

A check whose tool is absent says so and passes: only what was looked at can fail.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Mapping

from tools.checks import asl, audit, stack
from tools.checks.findings import Finding, Skipped, Suppressions

CHECKS: Mapping[str, Callable[[], list[Finding]]] = {
    "asl": asl.check,
    "sam": stack.sam_validate,
    "checkov": stack.checkov,
    "cdk-nag": stack.cdk_nag,
    "pip-audit": audit.check,
}


def main(names: list[str]) -> int:
    """Run the named checks, or all; return 1 when one has findings, 2 for a name that is none."""
    if unknown := [name for name in names if name not in CHECKS]:
        print(f"Expected some of {', '.join(CHECKS)}, but received {', '.join(unknown)}.")
        return 2
    suppressions = Suppressions.load()
    failed = False
    for name in names or CHECKS:
        started = time.monotonic()
        try:
            findings = CHECKS[name]()
        except Skipped as skipped:
            print(f"{name:<10} skipped: {skipped}")
            continue
        remaining = suppressions.remaining(name, findings)
        failed |= bool(remaining)
        accepted = len(findings) - sum(not each.stale for each in remaining)
        print(
            f"{name:<10} {len(remaining)} findings, {accepted} accepted with a reason"
            f" ({time.monotonic() - started:.0f} s)"
        )
        for finding in remaining:
            print(f"  {finding}")
    return 1 if failed else 0


if __name__ == "__main__":
    shutil.rmtree(stack.BUILD, ignore_errors=True)
    sys.exit(main(sys.argv[1:]))
