"""What the rows of an export say of each other: who paid what is given back, and what money was changed into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from service.history.evidence import Evidence
from service.history.kinds import Kinds
from service.history.layout import Layout
from service.history.people import phone_of

_PAYEES_KEPT: Final = 10_000
_PAYMENTS_KEPT: Final = 1_000_000
_NUMBERS_KEPT: Final = 100_000


class Dealings:
    """Takes blocks of rows into account, in `Evidence`."""

    def __init__(self, layout: Layout, found: Evidence) -> None:
        self._at, self._found, self._kinds = layout.at, found, Kinds(layout.profile)
        self._is_known = layout.profile is not None

    def see(self, rows: Sequence[Sequence[str]]) -> None:
        """Each row is looked at once for everything that its columns can say."""
        self._see_converted(rows)
        self._see_contacts(rows)
        self._see_numbers(rows)
        if "kind" not in self._at:
            return
        self._see_payees(rows)
        if "reference" in self._at:
            self._see_payers(rows)
            self._see_changed(rows)

    def _see_payees(self, rows: Sequence[Sequence[str]]) -> None:
        """Who is paid in the rows that are purchases."""
        payee, kind, kinds = self._at.get("payee"), self._at["kind"], self._kinds
        if payee is None:
            return
        payees = self._found.payees
        for row in rows:
            if max(payee, kind) < len(row) and len(payees) < _PAYEES_KEPT:
                what = row[kind].strip()
                payees[row[payee].strip()] += kinds.counts(what) and not kinds.is_refund(what)

    def _see_payers(self, rows: Sequence[Sequence[str]]) -> None:
        """Who paid what, where refunds name the payment that they pay back."""
        if "event_id" not in self._at:
            return
        number, kind, customer = self._at["event_id"], self._at["kind"], self._at["customer_id"]
        payers = self._found.payers
        for row in rows:
            if max(number, kind, customer) < len(row) and len(payers) < _PAYMENTS_KEPT:
                what = row[kind].strip()
                if self._kinds.counts(what) and not self._kinds.is_refund(what) and row[number].strip():
                    payers[row[number].strip()] = row[customer]

    def _see_numbers(self, rows: Sequence[Sequence[str]]) -> None:
        """Which numbers of orders several customers have, where nobody knows what the shop's numbers are."""
        order, customer = self._at.get("order_id"), self._at["customer_id"]
        if order is None or self._is_known:
            return
        numbers, again = self._found.numbers, self._found.numbers_again
        for row in rows:
            if max(order, customer) < len(row) and row[order] and row[customer]:
                number, who = row[order].strip(), row[customer].strip().casefold()
                is_kept = number in numbers or len(numbers) < _NUMBERS_KEPT
                if is_kept and numbers.setdefault(number, who) != who:
                    again.add(number)

    def _see_contacts(self, rows: Sequence[Sequence[str]]) -> None:
        """Whose phone number each is, where rows without a customer have one."""
        contact, customer = self._at.get("contact"), self._at["customer_id"]
        if contact is None:
            return
        contacts = self._found.contacts
        for row in rows:
            if max(contact, customer) < len(row) and row[contact] and row[customer].strip():
                number, who = phone_of(row[contact]), row[customer].strip()
                if number and (number in contacts or len(contacts) < _PAYMENTS_KEPT):
                    known = contacts.setdefault(number, who)
                    if known.casefold() != who.casefold():
                        contacts[number] = ""

    def _see_changed(self, rows: Sequence[Sequence[str]]) -> None:
        """What the money of a payment was changed from and to, a row each."""
        if not self._kinds.changes_money or not {"currency", "amount"} <= self._at.keys():
            return
        places = [self._at[name] for name in ("reference", "kind", "currency", "amount")]
        changed, last = self._found.changed, max(places)
        for row in rows:
            if last < len(row) and self._kinds.is_conversion(row[places[1]].strip()):
                number, _, code, amount = (row[place].strip() for place in places)
                if number and (number in changed or len(changed) < _PAYMENTS_KEPT):
                    changed.setdefault(number, {}).setdefault(code.upper(), amount)

    def _see_converted(self, rows: Sequence[Sequence[str]]) -> None:
        """The currency to which each row says that it was converted."""
        place = self._at.get("converted_currency")
        if place is not None:
            self._found.converted.update(
                row[place].strip().upper() for row in rows if place < len(row) and row[place].strip()
            )
