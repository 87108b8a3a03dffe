"""The API does what its description says, for what schemathesis makes of that: valid queries and invalid ones."""

from __future__ import annotations

import pytest
from serve_helpers import FakeIndex

from isoglot.search.serve import create_app

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
hypothesis = pytest.importorskip("hypothesis")

ORIGIN = "http://127.0.0.1:8000"
TOKEN = "a-token"
PLAIN = schemathesis.openapi.from_asgi("/openapi.json", create_app([FakeIndex(), FakeIndex("others")]))
GUARDED = schemathesis.openapi.from_asgi(
    "/openapi.json", create_app([FakeIndex()], token=TOKEN), headers={"Authorization": f"Bearer {TOKEN}"}
)
few = hypothesis.settings(max_examples=20, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))


@pytest.mark.parametrize("_", [0])  # no name of schemathesis's cases then depends on what it draws
def test_all_is_described(_):
    operations = {operation.ok().label for operation in PLAIN.get_all_operations()}
    assert operations == {"GET /search", "POST /search", "GET /indexes", "GET /health", "GET /metrics"}


@PLAIN.parametrize()
@few
def test_every_check_passes(case):
    case.call_and_validate()


@GUARDED.parametrize()
@few
def test_every_check_passes_with_a_token(case):
    case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"})
