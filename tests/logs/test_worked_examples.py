"""The worked examples of the contract through `churn-alert backtest`: from purchases to cells of periods.csv."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from typer.testing import CliRunner

from service.cli import app

ANSWERS = [("10", 30), ("9", 30), ("8", 12), ("7", 13), ("6", 8), ("0", 7)]
Row = dict[str, str]


def shop(directory: Path) -> tuple[Path, Path]:
    """A purchases file and a surveys file in which each example has a month or a year of its own."""
    bought: list[tuple[str, date, str]] = []

    def visits(prefix: str, numbers: Iterable[int], day: date, amount: str = "") -> None:
        bought.extend((f"{prefix}{number}", day, amount) for number in numbers)

    # A customer is worth 2,100: three of 2009, two of them seven times at 100 in 2010.
    visits("year", range(3), date(2009, 5, 1))
    for month in range(1, 8):
        visits("year", range(2), date(2010, month, 10), "100.00")
    # Start 200, end 210, new 30.
    visits("start", range(200), date(2021, 2, 3))
    visits("start", range(20, 230), date(2021, 3, 3))
    # 20 of 200 not back.
    visits("churn", range(200), date(2022, 2, 3))
    visits("churn", range(20, 200), date(2022, 3, 3))
    # 150 of 500 back a second time within the month.
    visits("repeat", range(500), date(2023, 3, 3))
    visits("repeat", range(150), date(2023, 3, 3) + timedelta(days=9))
    purchases = directory / "purchases.csv"
    with purchases.open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [("customer_id", "timestamp", "amount"), *((who, day.isoformat(), amount) for who, day, amount in bought)]
        )
    surveys = directory / "surveys.csv"
    with surveys.open("w", newline="") as stream:
        answers = [score for score, times in ANSWERS for _ in range(times)]
        csv.writer(stream).writerows(
            [
                ("customer_id", "timestamp", "survey", "score"),
                *(
                    (f"repeat{number}", f"2023-03-20T12:{number % 60:02}:00", "nps", score)
                    for number, score in enumerate(answers)
                ),
            ]
        )
    return purchases, surveys


def test_the_worked_examples_come_out_of_a_backtest(tmp_path: Path) -> None:
    purchases, surveys = shop(tmp_path)

    done = CliRunner().invoke(
        app,
        ["backtest", str(purchases), "--surveys", str(surveys), "--out", str(tmp_path / "out"), "--partitions", "3"],
    )

    assert done.exit_code == 0, done.output
    with (tmp_path / "out" / "periods.csv").open() as stream:
        rows: dict[tuple[str, str], Row] = {(row["granularity"], row["start"]): row for row in csv.DictReader(stream)}

    kept = rows["month", "2021-03-01"]
    assert [int(kept[cell]) for cell in ("customers_at_start", "customers_at_end", "new", "returned")] == [
        200,
        210,
        30,
        0,
    ]
    assert float(kept["retention_rate"]) == 90

    left = rows["month", "2022-03-01"]
    assert (int(left["customers_at_start"]), int(left["lost"]), float(left["churn_rate"])) == (200, 20, 10)

    year = rows["year", "2010-01-01"]
    assert Decimal(year["average_order_value"]) == 100
    assert float(year["purchase_frequency"]) == 7
    assert Decimal(year["customer_lifetime_value"]) == 2100

    back = rows["month", "2023-03-01"]
    assert (int(back["customers_at_end"]), float(back["repeat_purchase_rate"])) == (500, 30)
    assert (int(back["nps_n"]), float(back["nps"])) == (100, 45)
