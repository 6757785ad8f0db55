"""Rows of another layout → rows of ours: which are purchases, what they are worth, and when they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from operator import itemgetter
from pathlib import Path
from typing import Final

from service.errors import ConfigurationError
from service.history.clocks import with_clock
from service.history.evidence import Evidence
from service.history.exchange import Exchange, less
from service.history.gift_cards import SoldGiftCards, is_gift_card
from service.history.kinds import Kinds
from service.history.layout import Layout
from service.history.left_out import ReadReport
from service.history.lines import other_header
from service.history.people import phone_of
from service.history.states import PAID_BACK, PAYS_BACK, state_of
from service.history.totals import is_total
from service.history.widths import MORE_CELLS, Widths

PURCHASE_FIELDS: Final = (
    "customer_id", "timestamp", "time", "zone", "amount", "price", "quantity", "refunded", "refunded_at", "currency",
    "status", "kind", "test", "cancelled_at", "event_id", "order_id", "sku", "item", "category", "store_id", "channel", "payee", "corrected",
    "reference", "gift_cards", "line_type", "contact", "disputed", "disputed_at", "dispute_status", "converted", "converted_currency", "captured", "all_refunded",
)  # fmt: skip
_ORDERS_KEPT: Final = 100_000
"""Orders whose first row is remembered, up to twice as many: the rows of one stand close together in an export."""
_FOR_GOOD: Final = frozenset({"voided", "cancelled", "deleted", "fraud"})
"""Reasons that do not pass, as that of an order that is not paid yet may."""
_SPELLINGS_KEPT: Final = 10_000
"""Of states, each looked at once."""
_OWN: Final = frozenset(
    (name,)
    for name in ("amount", "corrected", "refunded", "refunded_at", "sku", "item", "category", "quantity", "price", "gift_cards",
                 "line_type", "disputed", "disputed_at", "dispute_status", "converted", "captured", "all_refunded")
)  # fmt: skip
"""What each row of an order has for itself."""
_FIELDS: Final = len(PURCHASE_FIELDS)
"""Cells of a row before those of its signals."""
_REASON: Final = 40
CUT_OFF: Final = "the file ends within a row: take the export once more"
_YES_OR_NO: Final = frozenset({"", "true", "false"})
"""Characters of a kind of row that is told."""


def _folded(values: Sequence[str]) -> frozenset[str]:
    return frozenset(value.strip().casefold() for value in values)


class PurchaseRows:
    """Makes our rows of another table's."""

    def __init__(
        self,
        layout: Layout,
        evidence: Evidence,
        rates: Mapping[str, Decimal | None],
        minor_digits: int,
        report: ReadReport,
    ) -> None:
        """`rates` are units of the shop's currency for one of each that the table has; None = not known."""
        self._report = report
        at, profile = layout.at, layout.profile
        self._signals = list(layout.signals)
        places = [at.get(name, -1) for name in PURCHASE_FIELDS] + [one.place for one in self._signals]
        self._last = max(places)
        self._widths = Widths(len(layout.header), at, are_wide=2 * evidence.wide > evidence.rows)
        self._header = {place: layout.header[place] for place in places if 0 <= place < len(layout.header)}
        self._when_at, self._when_name = at["timestamp"], layout.header[at["timestamp"]]
        self._pick = itemgetter(*places)
        self._time = evidence.times["timestamp"].clean
        self._time_in = evidence.times["timestamp"].placed
        refunded_at = evidence.times.get("refunded_at")
        self._time_of_refund = refunded_at.clean if refunded_at is not None else None
        disputed_at = evidence.times.get("disputed_at")
        self._time_of_dispute = disputed_at.clean if disputed_at is not None else None
        self._amount = {name: column.clean for name, column in evidence.amounts.items()}
        money = evidence.amounts.get("amount") or evidence.amounts.get("price")
        self._sign_of = (
            money.currency_of if money is not None and len(money.currencies) > 1 and "currency" not in at else None
        )
        """Where amounts of several currencies stand in one column, each says its own."""
        self._amount_is = layout.amount_is
        self._has_clock, self._has_zone = "time" in at, "zone" in at
        self._reason_of = {
            value.strip().casefold(): reason
            for reason, values in (profile.left_out if profile else {}).items()
            for value in values
        }
        self._is_unknown = profile is None
        self._paid_back = _folded(profile.refunded if profile else ())
        self._kinds = Kinds(profile)
        self._sign_tells = profile is not None and profile.sign_tells
        self._own = next((one for one, _ in evidence.payees.most_common(1)), "")
        self._payers = evidence.payers
        self._cut_off = evidence.cut_off
        self._tests = _folded(profile.tests if profile else ())
        self._guests = _folded(profile.guests if profile else ())
        self._carries = profile.carried_down if profile is not None else "order_id" in at
        self._exchange = Exchange(rates, minor_digits, layout.smallest_unit, evidence.changed, money)
        self._lost = _folded(profile.disputes_lost if profile else ())
        self._contacts = evidence.contacts
        self._begins_again = evidence.begins_again
        self._sold_cards = SoldGiftCards() if profile is not None and profile.gift_cards_named else None
        self._looks_for_cards = (
            profile is None and layout.origin != "ours" and "item" in at and layout.amount_is != "order"
        )
        self._gift_cards = _folded(profile.gift_cards if profile else ())
        self._has_refunds = "refunded" in self._amount
        self._has_corrected = "corrected" in self._amount
        self._states: dict[str, tuple[str, bool]] = {}
        self._named_places = [PURCHASE_FIELDS.index(name) for name in ("event_id", "store_id", "channel")]
        self._orders: set[str] = set()
        self._before: set[str] = set()
        self._order_at = PURCHASE_FIELDS.index("order_id")
        self._carried_places = [
            place
            for place in range(len(places))
            if places[place] >= 0 and PURCHASE_FIELDS[place : place + 1] not in _OWN
        ]
        self.counts_phones: bool = False
        """Whether a phone number counts as the customer where none is named."""
        self.withdrawn: list[tuple[str, str]] | None = None
        """Time and number of the orders that the export says to have been cancelled for good; None = not wanted."""

    def at(self, path: Path, line: Callable[[], int]) -> None:
        """Where the rows come from, for what is said of bad ones."""
        self._path, self._line = path, line

    def rows(self, rows: Iterator[list[str]]) -> Iterator[Sequence[str]]:
        """Rows of ours; an empty one for what is no row."""
        for cells in self._cells(rows):
            if cells:
                yield from self._row(cells)
            else:
                yield ()

    def _cells(self, rows: Iterator[list[str]]) -> Iterator[Sequence[str]]:
        """Cells by `PURCHASE_FIELDS`, with those that hold for further rows of an order; none for what is no row."""
        last, pick, before, width = self._last, self._pick, None, self._widths.width
        cut_off = self._cut_off
        for row in rows:
            if len(row) > width and self._widths.is_too_wide(row):
                self._report.skip(self._path, self._line(), MORE_CELLS)
                continue
            if cut_off and row == cut_off:
                self._report.skip(self._path, self._line(), CUT_OFF)
                continue
            if len(row) <= last:
                if not any(row):
                    continue
                filled = [cell for cell in row if cell]
                if len(filled) <= 1:
                    if not any(map(_is_remark, filled)):
                        yield ()
                    continue
                row.extend([""] * (last + 1 - len(row)))
            if row[self._when_at] == self._when_name and self._is_header(row):
                continue
            row.append("")
            cells = pick(row)
            if self._carries:
                if before is not None and cells[self._order_at] and cells[self._order_at] == before[self._order_at]:
                    cells = self._carried(cells, before)
                before = cells
            yield cells

    def _is_header(self, row: Sequence[str]) -> bool:
        """Whether a row names the columns once more. Raises ConfigurationError where it names other ones."""
        if all(row[place].strip("\ufeff \t") == name.strip() for place, name in self._header.items()):
            return True
        raise ConfigurationError(other_header(self._path, self._line()))

    def _at(self, when: str, clock: str, zone: str) -> str:
        if self._has_clock:
            when = with_clock(when, clock)
        return (self._time_in(when, zone) or f"{when} {zone}") if self._has_zone and zone else self._time(when)

    def _carried(self, cells: Sequence[str], before: Sequence[str]) -> Sequence[str]:
        """A further row of an order: what stands in the first one only holds for it too, but not its money."""
        filled = list(cells)
        for place in self._carried_places:
            if not filled[place]:
                filled[place] = before[place]
        return filled

    def _row(self, cells: Sequence[str]) -> Sequence[Sequence[str]]:
        """None, one, or more where something was paid back on another day."""
        (customer, when, clock, zone, amount, price, quantity, refunded, refunded_at, currency, status, kind, test,
         cancelled_at, event_id, order_id, sku, item, category, store_id, channel, payee, corrected, reference,
         gift_cards, line_type, contact, disputed, disputed_at, dispute_status, converted, converted_currency, captured,
         all_refunded) = cells[:_FIELDS]  # fmt: skip
        reason, is_paid_back = self._state_of(status)
        kind = kind.strip()
        is_refund = self._kinds.is_refund(kind)
        for signal, text in zip(self._signals, cells[_FIELDS:], strict=True):
            said = signal.says(text)
            if said == PAYS_BACK:
                is_refund = True
            elif said == PAID_BACK:
                is_paid_back = True
            elif said:
                reason = reason or said
        is_paid_back = is_paid_back and not is_refund
        reason = reason or self._left_out(kind, test, cancelled_at, amount)
        if not order_id and self._amount_is == "order":
            order_id = event_id
        is_first = True
        if order_id and (reason or self._amount_is == "order" or contact):
            is_first = self._begins(f"refund {event_id or order_id}" if is_refund else order_id)
        if reason and not when.strip() and is_total(customer):
            reason = ""  # the sum of all, which is told beside what was read
        if reason:
            self._report.set_aside(reason, is_order=is_first)
            number = event_id.strip() or order_id.strip()
            if self.withdrawn is not None and number and reason in _FOR_GOOD:
                self.withdrawn.append((self._at(when, clock, zone), number))
            return ()
        if self._guests and customer.strip().casefold() in self._guests:
            customer = ""
        if contact and not customer.strip() and (number := phone_of(contact)):
            self._report.named_by_phone += is_first
            customer = (self._contacts.get(number) or number) if self.counts_phones else customer
        if self._sign_of is not None:
            currency = self._sign_of(amount or price)
        rate = self._exchange.rate_of(currency)
        if rate is None and converted:
            rate = self._exchange.told(
                self._amount["amount"](amount), self._amount["converted"](converted), converted_currency
            )
        if rate is None:
            rate = self._exchange.changed(currency, event_id, reference)
        if rate is None:
            self._report.skip(
                self._path, self._line(), f"no rate for the currency {currency.strip().upper()[:8]} in shop.rates"
            )
            return ()
        at = self._at(when, clock, zone)
        if self._begins_again and order_id:
            order_id = f"{order_id} {at[:10]}"
        worth = self._worth(amount, price, quantity, is_first=is_first)
        if self._has_corrected and is_first and (right := self._amount["corrected"](corrected)).strip("-0."):
            worth = right
        if gift_cards or line_type:
            bare = self._without_gift_cards(worth, gift_cards, line_type)
            if worth[:1] == "-" and not bare.strip("-0."):
                return ()  # a gift card that was given back: no sale was counted
            worth = bare
        if self._looks_for_cards and item and is_gift_card(item) and worth.strip("-0."):
            self._report.gift_cards += 1
            worth = "0"
        back = self._amount["refunded"](refunded) if self._has_refunds and is_first else ""
        if captured.strip() and "captured" in self._amount:
            worth, back = _of_captured(worth, self._amount["captured"](captured), back, all_refunded)
        if is_refund:
            customer = payee if payee.strip() and payee.strip() != self._own else customer
            customer = self._payers.get(reference.strip(), customer)
            worth = worth if worth.strip("-0.") else back  # of which the row is, and not one beside it
            worth, back = worth if worth[:1] == "-" or not worth else f"-{worth}", ""
        if is_paid_back and not back.strip("-0."):
            back = worth
        if self._sold_cards is not None:
            worth, back = self._without_sold_card(worth, back, order_id, item, price, quantity, is_first=is_first)
        returned: list[Sequence[str]] = []
        left = less(worth, back) if back.strip("-0.") else worth
        lost = self._lost_of(left, disputed, dispute_status) if dispute_status and is_first else ""
        for given, moment, read, named in (
            (back, refunded_at, self._time_of_refund, "refund"),
            (lost, disputed_at, self._time_of_dispute, "dispute"),
        ):
            if not given.strip("-0."):
                continue
            if read is not None and moment.strip():
                in_ours = self._exchange.in_ours(given, rate)
                returned.append(self._given_back(cells, read(moment), customer, in_ours, order_id, named))
            else:
                worth = less(worth, given)
        ours = (customer, at, self._exchange.in_ours(worth, rate), event_id, order_id, sku, item, category, store_id, channel)  # fmt: skip
        return (ours, *returned)

    def _without_sold_card(
        self, worth: str, back: str, order_id: str, item: str, price: str, quantity: str, *, is_first: bool
    ) -> tuple[str, str]:
        """What a row is worth, and what of it was given back, without the card that its item is by its name."""
        assert self._sold_cards is not None  # noqa: S101 - asked for where they are
        if not item or not is_gift_card(item):
            if is_first:
                self._sold_cards.begins(order_id, worth, back)
            return worth, back
        value = self._priced(price, quantity)
        if is_first:
            return self._sold_cards.first(order_id, worth, back, value)
        return self._sold_cards.further(order_id, worth, value), back

    def _without_gift_cards(self, worth: str, sold: str, line_type: str) -> str:
        """What is left of a row without the gift cards that were sold in it: they count when they are used."""
        if line_type.strip().casefold() in self._gift_cards:
            return "0"
        value = self._amount["gift_cards"](sold) if "gift_cards" in self._amount else ""
        if not value.strip("-0."):
            return worth
        try:
            return format(Decimal(worth or "0") - Decimal(value), "f")
        except InvalidOperation:
            return worth

    def _lost_of(self, left: str, disputed: str, status: str) -> str:
        """What a dispute that was lost has taken of what is left of a payment, "" = nothing."""
        if status.strip().casefold() not in self._lost:
            return ""
        taken = self._amount["disputed"](disputed) if "disputed" in self._amount else ""
        try:
            return format(min(abs(Decimal(taken)), Decimal(left)), "f") if taken.strip("-0.") else left
        except InvalidOperation:
            return left

    def _given_back(
        self, cells: Sequence[str], at: str, customer: str, back: str, order_id: str, named: str
    ) -> Sequence[str]:
        """What was given back of an order, on a day of its own."""
        event_id, store_id, channel = (cells[place] for place in self._named_places)
        amount = back if back.startswith("-") else f"-{back}"
        return (
            customer,
            at,
            amount,
            f"{event_id}-{named}" if event_id else "",
            order_id,
            "",
            "",
            "",
            store_id,
            channel,
        )

    def _state_of(self, status: str) -> tuple[str, bool]:
        """Why an order of that state is no purchase ("" = it is one), and whether all of it was paid back."""
        known = self._states.get(status)
        if known is None:
            small = status.strip().casefold()
            reason, is_paid_back = self._reason_of.get(small, ""), small in self._paid_back
            if not reason and not is_paid_back:  # the system's own words in a language that its profile lacks
                said = state_of(small)
                is_paid_back = said == PAID_BACK and self._is_unknown
                reason = "" if said == PAID_BACK else said
            known = reason, is_paid_back
            if len(self._states) < _SPELLINGS_KEPT:
                self._states[status] = known
        return known

    def _begins(self, order: str) -> bool:
        """Whether a row is the first one of its order."""
        if order in self._orders or order in self._before:
            return False
        if (
            len(self._orders) >= _ORDERS_KEPT
        ):  # the first key of a dict that loses its first keys is ever longer to find
            self._before, self._orders = self._orders, set()
        self._orders.add(order)
        return True

    def _left_out(self, kind: str, test: str, cancelled_at: str, amount: str) -> str:
        """Why a row is none for all that its state says."""
        if not self._kinds.counts(kind):
            return kind[:_REASON] if kind.casefold() not in _YES_OR_NO else "no purchase"
        if self._sign_tells and self._amount["amount"](amount).startswith("-") != self._kinds.is_refund(kind):
            return f"{kind[:_REASON]} of the shop's own"
        if self._tests and test.strip().casefold() in self._tests:
            return "test"
        return "cancelled" if cancelled_at.strip() else ""

    def _worth(self, amount: str, price: str, quantity: str, *, is_first: bool) -> str:
        if self._amount_is == "order" and not is_first:
            return ""
        if self._amount_is != "price":
            return self._amount["amount"](amount) if "amount" in self._amount else ""
        return self._priced(price, quantity)

    def _priced(self, price: str, quantity: str) -> str:
        """So many pieces at a price each, "" = no price."""
        if "price" not in self._amount:
            return ""
        one = self._amount["price"](price)
        many = self._amount["quantity"](quantity) if "quantity" in self._amount else "1"
        if not one.strip():
            return ""
        try:
            return format(Decimal(one) * Decimal(many or "1"), "f")
        except InvalidOperation:
            return one if not many.strip() else f"{one} × {many}"


def _is_remark(cell: str) -> bool:
    """Whether the one cell of a row is a sentence: 83 record(s) downloaded, Generated by the shop."""
    return len(cell.split()) > 1 and any(map(str.isalpha, cell))


def _of_captured(asked: str, captured: str, back: str, all_refunded: str) -> tuple[str, str]:
    """Of a payment of which a part was taken: that, and what was given back of it. Some exports count the rest, which
    was never taken, as given back, and some do not: then less was given back than the rest is."""
    try:
        taken, given = Decimal(captured), Decimal(back or "0")
        rest = Decimal(asked) - taken
    except InvalidOperation:
        return asked, back
    if rest <= 0:
        return asked, back
    if all_refunded.strip().casefold() == "true":
        given = taken
    elif given >= rest:
        given -= rest
    return captured, format(given, "f")
