"""What pip-audit reports becomes a failure, a pass, or no audit at all."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from loading import load_script


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    return load_script("scripts/audit.py")


SOUND: dict[str, Any] = {"name": "a", "version": "1", "vulns": []}
BAD: dict[str, Any] = {"name": "b", "version": "2", "vulns": [{"id": "GHSA-1"}, {"id": "PYSEC-2"}]}
SKIPPED: dict[str, Any] = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "status", "sentence"),
    [
        ([SOUND, SOUND], 0, "no known vulnerability in 2 packages"),
        ([SOUND, SKIPPED], 0, "no known vulnerability in 1 packages; not in the database: c"),
        ([SOUND, BAD, SKIPPED], 1, "1 of 2 packages are vulnerable: b 2 (GHSA-1, PYSEC-2)"),
        ([SKIPPED, SKIPPED], 0, "audit skipped: the database of vulnerabilities has none of 2 packages here"),
    ],
    ids=["sound", "some-skipped", "vulnerable", "all-skipped"],
)
def test_a_report_is_judged_by_what_was_looked_up(audit, packages, status, sentence) -> None:
    assert audit.verdict({"dependencies": packages}) == (status, sentence)


def test_without_a_database_the_audit_is_skipped_and_says_so(audit, capsys, tmp_path) -> None:
    assert audit.main(str(tmp_path / "no-such-program"), "constraints.txt") == 0
    assert capsys.readouterr().out.startswith("audit skipped: the database of vulnerabilities is not reached")
