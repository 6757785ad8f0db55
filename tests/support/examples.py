"""How much chance is tried: everything on the first Python of CI, a fifth on the others, which are there to show that
what was written runs on them; what is found by chance is found on any."""

from __future__ import annotations

import os

ON_ANOTHER_PYTHON = os.environ.get("TESTS_ON") == "another-python"
"""Whether all tests run on another Python beside this one (.ci/run)."""
EVERY = 5


def examples(number: int) -> int:
    """So many examples of a property; on another Python every fifth, and at least one."""
    return -(-number // EVERY) if ON_ANOTHER_PYTHON else number
