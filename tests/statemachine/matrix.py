"""The fault matrix of faults.yaml as cases, and what comes of them in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.reading import parsed

Data = dict[str, Any]

MATRIX: Data = parsed((Path(__file__).parent / "faults.yaml").read_text())
OVERCOME = "overcome"


@dataclass(frozen=True)
class Case:
    """One fault and its outcome.

    Parameters
    ----------
    state, error
        What fails, and how.
    times
        How many calls fail; None for every call.
    ending
        What comes of it: a name in ``endings``, or ``overcome``.
    retries, first, ceiling
        How often the call is tried again, and the longest first and later wait in seconds.
    """

    state: str
    error: str
    times: int | None
    ending: str
    retries: int
    first: float
    ceiling: float

    def __str__(self) -> str:
        often = "always" if self.times is None else f"{self.times}x"
        return f"{self.state}-{self.error}-{often}"

    def longest_waits(self, taken: int) -> list[float]:
        """Return the longest wait before each retry that `taken` failed calls lead to."""
        count = min(taken, self.retries)
        return [min(self.first * 2**n, self.ceiling) for n in range(count)]


def cases() -> Iterator[Case]:
    """Yield every case of the matrix."""
    for line in MATRIX["states"]:
        for ending in MATRIX["endings"]:
            for name in line.get(ending, []):
                kind = MATRIX["classes"][name]
                retries = kind["retries"]
                waits = (kind.get("first", 0), kind.get("ceiling", 0))
                for error in kind["errors"]:
                    for times in sorted({1, retries} if retries else ()):
                        yield Case(line["state"], error, times, OVERCOME, retries, *waits)
                    yield Case(line["state"], error, None, ending, retries, *waits)


def sample() -> Iterator[Case]:
    """Yield one error of each class that is tried again, and of every third class that is not.

    The errors of a class share a retrier and a handler (tests/template/test_asl.py): what the state
    machine does with one of them it does with all. So do the classes that are never tried again.
    Each state has other ones. Of the calls that may fail, those at the limit: as many as are tried
    again, and every one.
    """
    for number, line in enumerate(MATRIX["states"]):
        for ending in MATRIX["endings"]:
            names = line.get(ending, [])
            final = [name for name in names if "first" not in MATRIX["classes"][name]]
            for name in names:
                if name in final and len(final) > 1 and (final.index(name) - number) % 3:
                    continue
                errors = MATRIX["classes"][name]["errors"]
                chosen = errors[number % len(errors)]
                yield from (
                    case
                    for case in cases()
                    if (case.state, case.error) == (line["state"], chosen)
                    and case.times in {None, case.retries}
                )


def summary() -> list[str]:
    """Return the matrix in numbers, as the lines of a Markdown table."""
    counted: dict[str, Counter[str]] = {}
    for case in cases():
        counted.setdefault(case.state, Counter())[case.ending] += 1
    endings = [OVERCOME, *MATRIX["endings"]]
    total: Counter[str] = sum(counted.values(), Counter())
    lines = [
        "| state | " + " | ".join(endings) + " | all |",
        "|---" * (len(endings) + 2) + "|",
    ]
    for state, counts in [*counted.items(), ("**all**", total)]:
        numbers = [str(counts[ending] or "") for ending in endings]
        lines.append(f"| {state} | " + " | ".join([*numbers, str(counts.total())]) + " |")
    return lines


if __name__ == "__main__":
    print("\n".join(summary()))
