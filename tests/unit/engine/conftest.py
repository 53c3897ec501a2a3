"""An API to call."""

from __future__ import annotations

import pytest

from tests.unit.engine.api import Api


@pytest.fixture
def api() -> Api:
    return Api()
