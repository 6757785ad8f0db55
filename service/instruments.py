"""Counters and histograms as the processes show them."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter as _LibraryCounter
from prometheus_client import Histogram as _LibraryHistogram
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric


class _WithoutCreated(MetricWrapperBase):
    """Without the gauge of its own birth, which the library would show beside every series; its switch for that is
    global."""

    def collect(self) -> Iterable[Metric]:
        for family in super().collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


class Counter(_WithoutCreated, _LibraryCounter):
    """Only grows."""


class Histogram(_WithoutCreated, _LibraryHistogram):
    """Counts by size."""
