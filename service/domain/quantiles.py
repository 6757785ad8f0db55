"""Quantiles of the normal distribution that intervals are made with."""

from __future__ import annotations

from typing import Final

Z_95: Final = 1.959963984540054
"""95 % of a normal distribution lie within so many standard deviations of its mean: the 97.5 % quantile."""
