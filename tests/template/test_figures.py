"""The tables of docs/capacity.md and docs/cost.md are what their own figures come to."""

from __future__ import annotations

import re

import pytest
from darkroom.steps import start

from darkroom_ops.engine.deploy import read_template
from darkroom_ops.executions.cost import CALLS, PRICES, estimate
from tests.conftest import ROOT
from tests.unit.recorded import MEMORY, recorded

CAPACITY = (ROOT / "docs" / "capacity.md").read_text()
COST = (ROOT / "docs" / "cost.md").read_text()

RENDITIONS = 3
CALLED = ["Prepare", *["Resize"] * RENDITIONS, "MakePdf", "BackupOriginal", "NotifySuccess"]
PUTS = sum(CALLS[state].puts for state in CALLED)
GETS = sum(CALLS[state].gets for state in CALLED)
ESTIMATED = {item.what: item.quantity for item in estimate(recorded("complete"), MEMORY).items}
"""What `darkroom cost` says of such an execution."""


def number(text: str) -> float:
    return float(re.sub(r"[*,%\s]", "", text))


def rows(text: str) -> list[list[str]]:
    """Return the rows of the first table in a text, its head first, cell by cell."""
    (table, *_) = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    split = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return [split[0], *split[2:]]


def test_a_share_of_a_quota_is_the_rate_times_what_an_image_takes() -> None:
    head, image, *rates = rows(CAPACITY)
    quotas = [number(re.findall(r"\(([\d,]+)", name)[0]) for name in head[1:]]
    assert [number(row[0]) for row in rates] == [1, 100, 1_000, 10_000]
    for row in rates:
        for quota, takes, cell in zip(quotas, image[1:], row[1:], strict=True):
            share = 100 * number(row[0]) * number(takes) / quota
            assert number(cell) == pytest.approx(share, rel=0.01, abs=0.5), (head, row)
            assert ("**" in cell) == (share > 100), cell


def test_an_image_takes_what_its_steps_call() -> None:
    head, image, *_ = rows(CAPACITY)
    takes = {
        name.partition(" (")[0]: number(cell)
        for name, cell in zip(head, image, strict=True)
        if "(" in name
    }
    assert (takes["S3 writes of a prefix"], takes["S3 reads of a prefix"]) == (PUTS, GETS)
    assert takes["DynamoDB writes"] == ESTIMATED["DynamoDB writes"]


PRICE = {
    "Step Functions": PRICES.transition,
    "Lambda time": PRICES.lambda_gb_second,
    "Lambda requests": PRICES.lambda_request,
    "S3 writes and copies": PRICES.s3_put,
    "S3 reads": PRICES.s3_get,
    "DynamoDB writes": PRICES.dynamodb_write,
    "DynamoDB reads": PRICES.dynamodb_read,
    "SNS publication": PRICES.sns_publish,
    "an e-mail for each image, if wanted": PRICES.sns_email,
}

SQS_REQUEST = 0.40 / 1_000_000


def test_the_document_says_where_and_when_the_prices_held() -> None:
    assert f"\nPrices of {PRICES.region}, {PRICES.date}, in US dollars" in COST


@pytest.mark.parametrize("workflow", ["Standard, as", "Express ("])
def test_every_log_is_paid_for_when_it_is_written_and_when_it_is_searched(workflow: str) -> None:
    """$0.50 per GB taken in, $0.12 per GB scanned: docs/cost.md says who says so."""
    _, *lines = rows(COST.partition(f"## {workflow}")[2])
    logs = {what: (number(q.split()[0]), number(usd)) for what, q, _, usd in lines if "KB" in q}
    searched, price = logs.pop("Logs searched for secrets")
    assert searched == sum(size for size, _ in logs.values())
    assert price == pytest.approx(0.12 * searched)
    assert all(usd == pytest.approx(0.50 * size) for size, usd in logs.values())


@pytest.mark.parametrize("workflow", ["Standard, as", "Express ("])
def test_a_bill_is_its_quantities_times_the_prices(workflow: str) -> None:
    _, *lines = rows(COST.partition(f"## {workflow}")[2])
    sums = {}
    so_far = 0.0
    for what, quantity, thousand, million in lines:
        assert number(million) == pytest.approx(1_000 * number(thousand), abs=0.06), what
        if what.startswith("**"):
            sums[what.strip("*")] = number(thousand)
            assert number(thousand) == pytest.approx(so_far, abs=0.0003), what
            continue
        so_far += number(thousand)
        many = float(quantity.split()[0])
        if what in PRICE and "64 MB" not in quantity:
            assert number(thousand) == pytest.approx(
                1_000 * many * PRICE[what], rel=0.005, abs=6e-5
            )
    assert sums.keys() == {"processing", "all"}
    quantities = {what: quantity.partition(" ")[0] for what, quantity, *_ in lines}
    assert quantities["Lambda requests"] == str(len(CALLED))
    assert (quantities["S3 writes and copies"], quantities["S3 reads"]) == (str(PUTS), str(GETS))
    for what in ("DynamoDB writes", "DynamoDB reads"):
        assert number(quantities[what]) == ESTIMATED[what]


def test_the_buffer_costs_what_its_function_waits() -> None:
    """SQS: $0.40 for a million requests. Start waits a whole number of its pauses."""
    (row,) = re.findall(r"^\| `BufferConcurrency` \|.*", COST, flags=re.MULTILINE)
    said = [float(each) for each in re.findall(r"\$(\d+\.\d+)", row)]
    seconds, few, many = 1.5, 0.5, 10.0
    assert f"{seconds} s of waiting each: it looks each {few} s" in row
    assert f"at 100, each {many:.0f} s" in row
    assert [max(start.SHORTEST_PAUSE, n / start.DESCRIBES_PER_SECOND) for n in (5, 100)] == [
        few,
        many,
    ]
    assert seconds % few == 0
    memory = read_template(ROOT / "template.yaml")["Resources"]["StartFunction"]["Properties"][
        "MemorySize"
    ]
    thousand = 1_000 * memory / 1024 * PRICES.lambda_gb_second
    # Five pollers of Lambda, each of which waits 20 s for a message.
    month = 5 * 30 * 86_400 / 20
    assert said == [
        pytest.approx(1_000 * 3 * SQS_REQUEST, rel=0.05),
        pytest.approx(seconds * thousand, rel=0.05),
        pytest.approx(many * thousand, rel=0.05),
        pytest.approx(month * SQS_REQUEST, rel=0.05),
    ]


def test_what_the_buffer_gives_back_comes_again_when_its_function_asked() -> None:
    text = (ROOT / "docs" / "engine.md").read_text()
    assert f"(Start: after {start.SOONEST_AGAIN} s, then each time twice as long)" in text
