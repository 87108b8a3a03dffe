"""Audit the pinned dependencies by pip-audit; skip, with the reason, where its database does not have them.

    python scripts/audit.py PIP_AUDIT constraints.txt

pip-audit calls a set of packages sound of which it found none in its database, as behind a mirror that answers for
packages and not for their vulnerabilities. That is no audit, and is told as none.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def verdict(report: dict[str, Any]) -> tuple[int, str]:
    """Return an exit status and a sentence for what pip-audit reports as JSON: 1 where a package is vulnerable."""
    packages = report["dependencies"]
    audited = [one for one in packages if "skip_reason" not in one]
    bad = [one for one in audited if one["vulns"]]
    if bad:
        names = [f"{one['name']} {one['version']} ({', '.join(hit['id'] for hit in one['vulns'])})" for one in bad]
        return 1, f"{len(bad)} of {len(audited)} packages are vulnerable: {'; '.join(names)}"
    if not audited:
        return 0, f"audit skipped: the database of vulnerabilities has none of {len(packages)} packages here"
    left = [one["name"] for one in packages if "skip_reason" in one]
    more = f"; not in the database: {', '.join(left)}" if left else ""
    return 0, f"no known vulnerability in {len(audited)} packages{more}"


def main(program: str, pinned: str) -> int:
    """Run pip-audit and tell what came of it."""
    command = [program, "--requirement", pinned, "--no-deps", "--disable-pip", "--format", "json"]
    command += ["--progress-spinner", "off"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
        report = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        told = done.stderr.strip().splitlines()[-1:] if isinstance(error, ValueError) else [str(error)]
        sys.stdout.write(
            f"audit skipped: the database of vulnerabilities is not reached ({' '.join(told)[:200]})\n"
        )
        return 0
    status, sentence = verdict(report)
    sys.stdout.write(f"{sentence}\n")
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
