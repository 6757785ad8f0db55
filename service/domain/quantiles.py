"""Quantiles that several rooms need."""

from __future__ import annotations

from typing import Final

Z_95: Final = 1.959963984540054
"""97.5 % quantile of the standard normal distribution: half the width, in standard errors, of a two-sided 95 %
interval."""
