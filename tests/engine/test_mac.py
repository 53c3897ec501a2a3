"""The engine as a Mac's shell starts it: few descriptors, no memfd, no ``/proc``, nothing to fork.

What else a Mac does otherwise, only the workflow's job there can show.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

UPLOADS = 3
"""So few for the suite's sake, and enough for every worker to work."""

BURST = f"""
import json, os, resource, sys
from pathlib import Path
from darkroom_ops.engine.lambda_ import environments, functions
from darkroom_ops.engine import Engine
from tests.support.images import photo
from tests.support.pipeline import Pipeline

# Fewer than a Mac's 256, of which a larger burst ran out.
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
functions.INHERITED += ("PYTHONPATH",)
environments.SPARES = 1  # each costs as much as a worker
with Engine(Path("template.yaml")) as engine:
    pipeline = Pipeline(engine.deployment, engine)
    sources = [pipeline.put(photo(16, 12)) for _ in range({UPLOADS})]
    assert engine.wait_idle()
    print(json.dumps({{
        "records": [pipeline.record(source)["status"] for source in sources],
        "starter": type(engine.functions._preloaded).__name__,
        "lacks": [name for name in ("memfd_create", "pidfd_open") if not hasattr(os, name)],
        "proc": os.path.exists("/proc") or os.path.exists("/proc/self/statm"),
        "cores": os.cpu_count(),
        "may be open": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    }}))
"""


@pytest.mark.again("tests/unit/engine/lambda_ and tests/unit/image/sandbox: each lack by itself")
def test_a_burst_of_uploads_on_a_mac() -> None:
    """In a process of its own, whose children lack the same."""
    mac = ROOT / "tests" / "support" / "mac"
    done = subprocess.run(
        [sys.executable, "-c", BURST],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (mac, ROOT)))},
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
        check=True,
    )
    told = json.loads(done.stdout)
    assert told["lacks"] == ["memfd_create", "pidfd_open"]
    assert told["proc"] is False
    assert told["cores"] == 6
    assert told["starter"] == "SpareProcesses"
    assert told["may be open"] > 1000
    assert told["records"] == ["COMPLETE"] * UPLOADS
