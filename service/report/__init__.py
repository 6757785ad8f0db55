"""What a backtest found: as CSV files, and as report.html, one self-contained page for people."""

from service.report.assembly import write_report
from service.report.material import CustomerTally, Facts
from service.report.sections.budget import proposal_in_words

__all__ = ["CustomerTally", "Facts", "proposal_in_words", "write_report"]
