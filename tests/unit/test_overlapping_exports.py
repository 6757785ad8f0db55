"""Exports of one shop that overlap, of orders whose state has changed in between: what the newest one says counts."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from service.domain.calendar import Calendar
from service.history import History, Wishes, open_history

UTC = Calendar(ZoneInfo("UTC"))
SHOPIFY = (
    "Name,Email,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price,Cancelled at"
)
GUESSED = "Bestellnummer;Kunde;Betrag;Datum;Status"
STATES = {"paid": "bezahlt", "voided": "storniert"}


def read(*paths: Path) -> History:
    return open_history(paths, calendar=UTC, minor_digits=2, wishes=Wishes(currency="EUR"))


def taken(history: History) -> Decimal:
    return (
        sum((Decimal(-one.amount_minor if one.refund else one.amount_minor) for one in history.purchases()), Decimal(0))
        / 100
    )


def export(orders: Sequence[tuple[int, str, int]], *, guessed: bool) -> str:
    """Number (and day of January), state, amount."""
    if guessed:
        return "\n".join(
            [
                GUESSED,
                *(
                    f"N{day};kunde-{day % 3};{total},50;{day:02}.01.2025;{STATES[state]}"
                    for day, state, total in orders
                ),
            ]
        )
    return "\n".join(
        [SHOPIFY, *(f"#{day},c{day % 3}@x.org,{state},EUR,{total}.50,2025-01-{day:02} 10:00:00 +0000,1,Beans,1.00," for day, state, total in orders)]
    )  # fmt: skip


@pytest.mark.parametrize("guessed", [False, True])
@pytest.mark.parametrize(
    ("states", "counts"),
    [
        (("paid", "voided", "paid"), True),
        (("voided", "paid"), True),
        (("paid", "voided"), False),
        (("paid", "voided", "paid", "voided"), False),
        (("voided", "voided", "paid"), True),
    ],
)
def test_of_an_order_that_was_cancelled_and_paid_again_the_newest_export_that_has_it_counts(
    tmp_path: Path, states: Sequence[str], counts: bool, guessed: bool
) -> None:
    files = []
    for place, state in enumerate(states):
        later = [(3 + number, "paid", 1) for number in range(1, place + 2)]
        files.append(tmp_path / f"{place}.csv")
        files[-1].write_text(export([(1, "paid", 7), (2, state, 10), (3, "paid", 5), *later], guessed=guessed))

    right = Decimal("7.50") + Decimal("5.50") + len(states) * Decimal("1.50") + (Decimal("10.50") if counts else 0)
    for order in list(permutations(files))[:6]:
        assert taken(read(*order)) == right


def test_a_newer_file_that_cannot_tell_of_cancelled_orders_does_not_bring_one_back(tmp_path: Path) -> None:
    told, plain = tmp_path / "told.csv", tmp_path / "plain.csv"
    told.write_text(export([(1, "paid", 7), (2, "voided", 10)], guessed=True))
    plain.write_text(
        "Bestellnummer;Kunde;Betrag;Datum\nN1;kunde-1;7,50;01.01.2025\nN2;kunde-2;10,50;02.01.2025\nN3;kunde-0;5,50;03.01.2025\n"
    )

    assert taken(read(told, plain)) == Decimal("13.00")


def test_a_line_that_was_cancelled_leaves_the_other_lines_of_its_order(tmp_path: Path) -> None:
    rows = "N1;a;7,50;01.01.2025;bezahlt\nN1;a;2,00;01.01.2025;storniert\nN2;b;5,50;02.01.2025;bezahlt\n"
    for name in ("1.csv", "2.csv"):
        (tmp_path / name).write_text(f"{GUESSED}\n{rows}")

    assert taken(read(tmp_path / "1.csv", tmp_path / "2.csv")) == Decimal("13.00")
