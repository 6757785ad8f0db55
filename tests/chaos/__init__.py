"""Tests with a broker."""

import tests.support.direct  # noqa: F401 - before any client is made
