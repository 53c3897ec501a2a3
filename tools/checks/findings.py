"""What a check finds, and which findings are accepted, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import yaml

SUPPRESSIONS = Path(__file__).with_name("suppressions.yaml")


class Skipped(Exception):
    """A check cannot run here; the message says what it lacks."""


@dataclass(frozen=True)
class Finding:
    """One thing that a tool objects to.

    Parameters
    ----------
    rule
        The tool's name of its rule, as ``CKV_AWS_18``.
    where
        The resource's logical name, or a place in a file.
    message
        What is wrong.
    stale
        The finding is about a suppression that nothing needs any more.
    """

    rule: str
    where: str
    message: str
    stale: bool = False

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.rule} {self.where}: {self.message}"


@dataclass(frozen=True)
class Suppression:
    """Rules that are accepted on some resources.

    Parameters
    ----------
    tool
        The check it belongs to.
    rules
        Names of the tool's rules.
    resources
        Logical names; ``*`` stands for any characters.
    reason
        Why.
    """

    tool: str
    rules: tuple[str, ...]
    resources: tuple[str, ...]
    reason: str

    def covers(self, finding: Finding, rule: str, resource: str) -> bool:
        """Tell whether one of the rules on one of the resources is the finding."""
        return finding.rule == rule and fnmatch(finding.where, resource)


@dataclass(frozen=True)
class Suppressions:
    """All that is accepted.

    Parameters
    ----------
    entries
        In the file's order.
    """

    entries: tuple[Suppression, ...]

    @classmethod
    def load(cls, path: Path = SUPPRESSIONS) -> Suppressions:
        """Read the file.

        Raises
        ------
        ValueError
            An entry lacks its reason, rules or resources.
        """
        entries = []
        for tool, listed in yaml.safe_load(path.read_text()).items():
            for each in listed:
                if not (each.get("rules") and each.get("resources") and each.get("reason")):
                    raise ValueError(
                        f"Expected rules, resources and a reason in {path}, but received {each}."
                    )
                entries.append(
                    Suppression(
                        tool, tuple(each["rules"]), tuple(each["resources"]), each["reason"]
                    )
                )
        return cls(tuple(entries))

    def remaining(self, tool: str, found: list[Finding]) -> list[Finding]:
        """Return the findings that are not accepted, and the suppressions that nothing needs."""
        accepted: set[Finding] = set()
        stale = []
        for entry in (each for each in self.entries if each.tool == tool):
            for rule in entry.rules:
                for resource in entry.resources:
                    covered = {f for f in found if entry.covers(f, rule, resource)}
                    accepted |= covered
                    if not covered:
                        message = (
                            f"nothing to suppress any more; remove it from {SUPPRESSIONS.name}"
                        )
                        stale.append(Finding(rule, resource, message, stale=True))
        return [each for each in found if each not in accepted] + stale
