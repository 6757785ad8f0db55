"""What the columns of a table say, all of their cells together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from service.history.dates import TimeColumn
from service.history.decimals import AmountColumn

_FEW_NUMBERS: Final = 4
_SHARED: Final = 0.2
"""Of the numbers of orders that several customers have: more than slips of the pen."""


@dataclass
class Evidence:
    """What the columns of a table say together."""

    times: dict[str, TimeColumn]
    amounts: dict[str, AmountColumn]
    currencies: Counter[str] = field(default_factory=Counter)
    payees: Counter[str] = field(default_factory=Counter)
    """Who was paid in the purchases: the owner, but for rows that are not theirs."""
    payers: dict[str, str] = field(default_factory=dict)
    """Number of a payment → who paid, for the refunds that name the payment alone."""
    numbers: dict[str, str] = field(default_factory=dict)
    """Number of an order → the customer who had it first, of a table that no profile knows."""
    numbers_again: set[str] = field(default_factory=set)
    """Those that another customer has as well."""
    contacts: dict[str, str] = field(default_factory=dict)
    """Phone number → the one customer who has it, "" = several have."""
    changed: dict[str, dict[str, str]] = field(default_factory=dict)
    """Number of a payment → what its money was changed from and to, by currency."""
    converted: Counter[str] = field(default_factory=Counter)
    """Currencies to which the rows say that they were converted."""
    offsets: set[str] = field(default_factory=set)
    """Ends of some times, among which are offsets."""
    encoding: str = ""
    rows: int = 0
    cut_off: list[str] = field(default_factory=list)
    """The last row, where the file ends within it."""
    wide: int = 0
    """Rows with more cells than the columns have names."""
    repeated: int = 0
    """Further rows of an order that say the same amount as the one before them."""
    differing: int = 0
    """Those that say another."""
    states: dict[str, Counter[str]] = field(default_factory=dict)
    """Column that says which rows count → what stands in it, and how often."""
    gives_back: bool = False
    """Whether a column beside the amount says of some row that money was given back."""
    shown: list[str] = field(default_factory=list)

    @property
    def begins_again(self) -> bool:
        """Whether the shop's numbers do, so that one number is an order of its day only."""
        return len(self.numbers_again) > _FEW_NUMBERS and len(self.numbers_again) > _SHARED * len(self.numbers)
