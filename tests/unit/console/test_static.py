"""What is vendored, and what templates may do."""

from __future__ import annotations

import hashlib
import re

from starlette.testclient import TestClient

from tests.conftest import ROOT

CONSOLE = ROOT / "darkroom_ops/console"


def test_vendored_files_are_those_that_the_table_names() -> None:
    vendor = CONSOLE / "static/vendor"
    rows = re.findall(
        r"^\| `([^`]+)` \|.*`([0-9a-f]{64})` \|$", (vendor / "README.md").read_text(), re.MULTILINE
    )
    assert {name for name, _ in rows} == {
        path.name for path in vendor.iterdir() if path.suffix in {".js", ".woff2"}
    }
    for name, digest in rows:
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest
        assert (vendor / f"{name.split('.')[0]}.LICENSE").is_file()


def test_static_files_are_sent(client: TestClient) -> None:
    answer = client.get("/static/empty.svg")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert answer.content == (CONSOLE / "static/empty.svg").read_bytes()


def test_templates_escape_everything_and_run_nothing_inline() -> None:
    for path in (CONSOLE / "templates").iterdir():
        text = path.read_text()
        assert "|safe" not in text.replace(" ", ""), path.name
        assert "autoescape" not in text, path.name
        assert not re.search(r"\s(on\w+|style)=", text), path.name
        for script in re.findall(r"<script([^>]*)>", text):
            assert "src=" in script or 'type="application/json"' in script, path.name
        assert "http://" not in text.replace("http://www.w3.org", "")
        assert "https://" not in text
