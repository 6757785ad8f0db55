"""Reads the shop's log files into the domain's events."""

from service.history.reading import History, merge_by_time, open_history
from service.history.report import BadRow, ReadReport

__all__ = ["BadRow", "History", "ReadReport", "merge_by_time", "open_history"]
