"""What a backtest found: as CSV files, and as report.html, one self-contained page for people."""

from service.report.assembly import proposal_in_words, told_at_a_terminal, write_report
from service.report.business import Numbers
from service.report.material import Asked, CustomerTally, Facts

__all__ = [
    "Asked",
    "CustomerTally",
    "Facts",
    "Numbers",
    "proposal_in_words",
    "told_at_a_terminal",
    "write_report",
]
