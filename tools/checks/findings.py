"""What a check finds, and which findings are accepted, each with its reason."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import yaml

SUPPRESSIONS = Path(__file__).with_name("suppressions.yaml")


class Skipped(Exception):
    """A check cannot run here; the message says what it lacks."""


@dataclass(frozen=True)
class Finding:
    """One thing that a tool objects to."""

    rule: str  # the tool's name of its rule, as CKV_AWS_18
    where: str  # the resource's logical name, or a place in a file
    message: str
    stale: bool = False  # whether it is about a suppression that nothing needs any more

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.rule} {self.where}: {self.message}"


@dataclass(frozen=True)
class Suppression:
    """A rule that is accepted on some resources, and why the file says so."""

    tool: str
    rule: str
    resource: str  # a logical name; * stands for any characters

    def covers(self, finding: Finding) -> bool:
        """Return whether the finding is one of these."""
        return finding.rule == self.rule and fnmatch(finding.where, self.resource)


@dataclass(frozen=True)
class Suppressions:
    """All that is accepted, in the file's order."""

    entries: tuple[Suppression, ...]

    @classmethod
    def load(cls, path: Path = SUPPRESSIONS) -> Suppressions:
        """Read the file; an entry without reason, rules or resources is a ValueError."""
        entries = []
        for tool, listed in yaml.safe_load(path.read_text()).items():
            for each in listed:
                if not (each.get("rules") and each.get("resources") and each.get("reason")):
                    raise ValueError(
                        f"Expected rules, resources and a reason in {path}, but received {each}."
                    )
                pairs = itertools.product(each["rules"], each["resources"])
                entries += [Suppression(tool, rule, resource) for rule, resource in pairs]
        return cls(tuple(entries))

    def remaining(self, tool: str, findings: list[Finding]) -> list[Finding]:
        """Return the findings that are not accepted, and the suppressions that nothing needs."""
        accepted: set[Finding] = set()
        stale = []
        for entry in (each for each in self.entries if each.tool == tool):
            covered = {each for each in findings if entry.covers(each)}
            accepted |= covered
            if not covered:
                message = f"nothing to suppress any more; remove it from {SUPPRESSIONS.name}"
                stale.append(Finding(entry.rule, entry.resource, message, stale=True))
        return [each for each in findings if each not in accepted] + stale
