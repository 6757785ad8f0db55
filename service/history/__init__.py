"""Reads the shop's log files into the domain's events."""

from service.history.left_out import BadRow, ReadReport
from service.history.reading import History, merge_by_time, open_history

__all__ = ["BadRow", "History", "ReadReport", "merge_by_time", "open_history"]
