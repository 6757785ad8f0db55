"""report.html: what a backtest found, on one self-contained page for people."""

from service.report.budget import proposal_in_words
from service.report.facts import CustomerTally, Facts
from service.report.page import write_report

__all__ = ["CustomerTally", "Facts", "proposal_in_words", "write_report"]
