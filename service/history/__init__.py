"""Reads the shop's log files into the domain's events."""

from service.history.layout import Wishes
from service.history.left_out import BadRow, ReadReport
from service.history.reading import History, merge_by_time, open_history

__all__ = ["BadRow", "History", "ReadReport", "Wishes", "merge_by_time", "open_history"]
