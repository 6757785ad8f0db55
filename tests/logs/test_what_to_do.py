"""What the report begins with: who is quiet, what is proposed, whether it pays; and the CSV files for people."""

from __future__ import annotations

import csv
import re
import tomllib
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from service.backtest.evaluation import evaluate
from service.backtest.run import backtest
from service.cli import app
from service.config import Settings, load_settings
from service.domain.calendar import DAYS_PER_YEAR, to_datetime
from service.domain.findings import Segment
from service.errors import ConfigurationError
from service.feed.simulate import Cafe, Simulation
from service.report import Asked, Numbers
from service.report.csv_rows import COLUMNS
from service.report.files import README, write_files
from service.report.ordered import in_order
from service.report.proposed import ahead_at_alerts, proposed_of
from service.report.sections.todo import NAMES_SHOWN
from service.wording.languages import LANGUAGES
from tests.support.engines import at
from tests.support.regulars import Sale, half_of_the_customers, shop
from tests.support.report_page import SETTINGS, Made, Page

NUMBERS = Numbers(margin=0.4, offer_cost_minor=50.0)
LOST = 240.0
"""Days of the log from which on half of the customers are missing."""
PROMISES = re.compile(r"won back|brought back|brings? (?:\w+ )?back|bring back|recovered", re.IGNORECASE)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """With names, and with the numbers of the user."""
    directory = tmp_path_factory.mktemp("todo")
    purchases, _, _ = Simulation(Cafe(customers=500, days=400)).write(directory)
    result = backtest(SETTINGS, [purchases])
    write_files(result, directory, Asked(with_customers=True, numbers=NUMBERS))
    return Made(result, directory)


@pytest.fixture(scope="module")
def plain(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Without either."""
    directory = tmp_path_factory.mktemp("plain")
    write_files(made.result, directory)
    return Made(made.result, directory)


def of_regulars(sales: list[Sale], file: Path) -> Path:
    """An export of these visits."""
    rows = [f"{sale.customer},{to_datetime(at(sale.day)).isoformat()},9.50" for sale in sales]
    file.write_text("\n".join(["customer_id,timestamp,amount", *rows]))
    return file


def test_it_says_that_every_message_would_be_held_at_the_end(tmp_path: Path) -> None:
    truth = shop(1, 140)
    half = [sale for sale in truth if sale.day < LOST or half_of_the_customers(sale, Random(0))]

    whole, lossy = (
        CliRunner().invoke(app, ["backtest", str(of_regulars(sales, tmp_path / name)), "--out", str(tmp_path / "out")])
        for name, sales in (("whole.csv", truth), ("half.csv", half))
    )

    assert "would have been held" not in whole.output
    said = re.search(r"From (\w+ \d+, \d{4}) on every message would have been held: ", lossy.output)
    assert said is not None
    assert 0 <= (datetime.strptime(said[1], "%B %d, %Y").replace(tzinfo=UTC) - to_datetime(at(LOST))).days < 21
    assert "would have been held" in (tmp_path / "out" / "report.html").read_text()


def raw(page: Page) -> list[str | None]:
    return [given["value"] for given in page.all("data")]


def test_it_begins_with_the_quiet_ones_and_what_they_are_worth(plain: Made) -> None:
    quiet = [row for row in plain.rows("customers.csv") if row["segment"] == "quiet"]
    at_risk = sum((Decimal(row["value_at_risk"]) for row in quiet), Decimal(0))
    worth = at_risk + sum((Decimal(row["expected_value_365d"]) for row in quiet), Decimal(0))
    page = plain.page()

    first = page.part("todo")

    assert page.html.index('<section id="todo"') < page.html.index('<section id="read"')
    assert len(quiet) > 5
    assert f"{len(quiet)} regulars are quiet, worth €{worth:,.0f} a year." in first.text or (
        f"{len(quiet)} regulars are quiet, worth €{worth:,.2f} a year." in first.text
    )
    assert raw(first)[0] == str(at_risk)


def test_the_policy_proposed_stands_there_with_what_it_would_have_cost_and_caught(plain: Made) -> None:
    """Nothing was set, and nothing has to be."""
    found = evaluate(plain.result)
    first = plain.page().part("todo")

    settings = plain.directory / "from_the_page.toml"
    settings.write_text(first.html.partition("<pre><code>")[2].partition("</code>")[0].replace("&#34;", '"'))

    assert load_settings(settings).policy() == Settings().policy()
    policy = found.policy
    assert repr(policy.needless_share) in raw(first)
    assert f"{100 * (policy.needless_share or 0):.1f}%" in first.text
    assert repr(policy.captured_4 / found.capturable.up_to_4) in raw(first)


def test_one_figure_stands_for_needless_everywhere(made: Made, tmp_path: Path) -> None:
    """Terminal, columns, and every section that tells of the policy tried."""
    words = ["backtest", str(made.directory / "purchases.csv"), "--out", str(tmp_path)]
    terminal = " ".join(CliRunner().invoke(app, words, catch_exceptions=False).output.split())
    columns, page = (tmp_path / README).read_text(encoding="utf-8"), Page.of(tmp_path / "report.html")
    (share,) = set(re.findall(r"Needless: ([\d.]+%) of the alerts", terminal))

    assert f"Needless: {share} of the alerts" in columns
    assert f"Needless: {share} of the alerts" in page.part("alerts").text
    assert f"{share} of its alerts were needless" in page.part("compare").text
    assert share in page.part("todo").text
    assert "back later by themselves" not in terminal


def test_nothing_says_that_a_message_brought_anybody_back(made: Made) -> None:
    for language in LANGUAGES.values():
        told = [*language.report.values()]
        allowed = [one for one in told if PROMISES.search(one)]
        # of what is still ahead, of the control group that would show it, and of effects that are assumed
        assert all(
            re.search(r"still to be won back|only a control group|time there would have been|time to win|to win back", one, re.IGNORECASE)
            for one in allowed
        ), allowed  # fmt: skip
    assert "nobody was written to" in made.page().part("todo").text


def test_the_business_case_is_told_with_the_users_numbers(made: Made) -> None:
    page = made.page().part("todo")
    facts = write_files(made.result, made.directory, Asked(with_customers=True, numbers=NUMBERS)).facts
    proposed = proposed_of(facts)
    assert proposed is not None
    ahead = ahead_at_alerts(facts, proposed)
    assert ahead is not None

    (shown,) = [table[1:] for table in page.tables if len(table[0]) == 0 and len(table[-1]) == 3]

    messages = proposed.what.per_week * DAYS_PER_YEAR / 7
    assert len(shown) == 3
    for points, (people, sales, left) in zip((2, 5, 10), shown, strict=True):
        assert float(people or "") == pytest.approx(messages * points / 100, rel=1e-3)
        revenue = messages * points / 100 * ahead.mean_minor / 100
        assert float(sales or "") == pytest.approx(revenue, abs=0.01)
        assert float(left or "") == pytest.approx(0.4 * revenue - 0.5 * messages, rel=1e-3, abs=0.02)
    assert f"{100 * 50 / (0.4 * ahead.mean_minor):.1f} more of 100 people" in page.text
    assert ahead.visits == pytest.approx(proposed.what.per_alert)


def test_without_numbers_one_sentence_says_how_to_give_them(plain: Made) -> None:
    page = plain.page().part("todo")

    assert "Say --margin 40 --offer-cost 2.50" in page.text
    assert 'id="pays"' not in page.html


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--margin", "40"], "--margin and --offer-cost go together"), (["--offer-cost", "2"], "go together"),
     (["--margin", "0.4", "--offer-cost", "2"], r"--margin 0\.4: what is left of a price, in percent"),
     (["--margin", "nan", "--offer-cost", "2"], "in percent"), (["--margin", "140", "--offer-cost", "2"], "in percent"),
     (["--margin", "40", "--offer-cost", "0"], "more than 0"), (["--margin", "40", "--offer-cost", "inf"], "more than 0")],
)  # fmt: skip
def test_numbers_that_cannot_be_meant_are_refused_before_the_work(words: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=said):
        CliRunner().invoke(
            app, ["backtest", "no such log", "--out", str(tmp_path / "out"), *words], catch_exceptions=False
        )
    assert not (tmp_path / "out").exists()


def test_names_come_only_when_they_are_asked_for_and_most_at_risk_first(made: Made, plain: Made) -> None:
    everybody = made.rows("customers.csv")
    quiet = sorted(
        (row for row in everybody if row["segment"] == Segment.QUIET.value),
        key=lambda row: (-Decimal(row["value_at_risk"]), -int(row["visits"]), row["customer_id"]),
    )
    ids = [row["customer_id"] for row in quiet]

    listed = [row["customer_id"] for row in made.rows("quiet.csv")]
    on_the_page = re.findall(r'<th scope="row">([^<]+)</th>', made.page().html.partition('id="quiet"')[2])

    assert listed == ids
    assert on_the_page[: min(NAMES_SHOWN, len(ids))] == ids[:NAMES_SHOWN]
    assert not (plain.directory / "quiet.csv").exists()
    text = plain.page().html
    assert not [row["customer_id"] for row in everybody if row["customer_id"] in text]


def test_what_matters_stands_first_in_the_files(made: Made) -> None:
    customers = made.rows("customers.csv")
    order = {"quiet": 0, "slowing": 1, "lost": 3}
    keys = [(order.get(row["segment"], 2), -Decimal(row["value_at_risk"]), -int(row["visits"])) for row in customers]
    fired = [datetime.fromisoformat(row["fired_at"]) for row in made.rows("alerts.csv")]

    assert keys == sorted(keys)
    assert fired == sorted(fired, reverse=True)
    assert Counter(row["customer_id"] for row in customers).most_common(1)[0][1] == 1
    assert len(customers) == sum(len(engine.customers) for engine in made.result.engines)


def test_cells_are_rounded_and_times_are_the_shops(made: Made) -> None:
    for row in made.rows("alerts.csv"):
        for name in ("fired_at", "quiet_since", "returned_at"):
            assert re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0[12]:00)?", row[name])
        assert re.fullmatch(r"\d+\.\d\d?", row["gap_days"])
        assert re.fullmatch(r"0\.0*[1-9]\d{0,3}|0\.0|1\.0|\d\.\d?e-\d+|0\.\d{1,4}", row["tail_probability"])
    for row in made.rows("customers.csv"):
        assert re.fullmatch(r"\d+\.\d|", row["health"])
        assert re.fullmatch(r"[01]\.\d{1,4}", row["churn_risk"])


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=list(LANGUAGES))
def test_every_column_of_every_file_is_explained_beside_it(made: Made, tmp_path: Path, language: object) -> None:
    (chosen,) = [each for each in LANGUAGES.values() if each is language]
    written = write_files(made.result, tmp_path, Asked(chosen, with_customers=True))
    text = (tmp_path / README).read_text(encoding="utf-8")

    assert {path.name for path in written.paths} == {*COLUMNS, README, "report.html"}
    for file, columns in COLUMNS.items():
        part = text.partition(f"## {file}\n")[2].partition("\n## ")[0]
        with (tmp_path / file).open(newline="", encoding="utf-8") as stream:
            assert tuple(next(csv.reader(stream))) == columns
        explained = re.findall(r"^\| `(\w+)` \| (.+) \|$", part, re.MULTILINE)
        assert [name for name, _ in explained] == [*columns]
        assert not [meaning for _, meaning in explained if meaning.startswith("csv.")]
    assert "Europe/Paris" in text
    assert "EUR" in text


@pytest.mark.parametrize(("tried", "measure"), [([], "patience"), (["--budget", "1"], "budget")])
def test_the_policy_is_printed_and_written_as_lines_of_a_settings_file(
    tried: list[str], measure: str, made: Made, tmp_path: Path
) -> None:
    """Who has set nothing need not; who asks for a budget is proposed one."""
    words = ["backtest", str(made.directory / "purchases.csv"), "--out", str(tmp_path), "--suggest", *tried]

    said = CliRunner().invoke(app, words, catch_exceptions=False).output

    written = (tmp_path / "suggested.toml").read_text(encoding="utf-8")
    lines = written[written.index("[outreach]") :].strip()
    assert lines in said
    assert tomllib.loads(written)["outreach"]["measure"] == measure
    assert ("Nothing has to be set" in said) is (not tried)
    assert load_settings(tmp_path / "suggested.toml").outreach.rule.value == measure


def test_lines_are_sorted_by_their_keys_however_many_lie_on_the_disk() -> None:
    rows = [((number % 3, -number), [f"r{number}", number]) for number in range(50)]

    found = [line.decode() for line in in_order(iter(rows), in_memory=64)]

    assert found == [f"{name},{number}\n" for _, (name, number) in sorted(rows)]
    assert [*in_order(iter([]))] == []


def test_what_the_files_hold_besides_is_said_on_the_page_and_no_id_with_it(tmp_path: Path) -> None:
    log, bad = tmp_path / "log.csv", "x" * 300
    rows = [f"c{n % 3},2026-03-{n + 1:02},5" for n in range(9)] + ["guest,2026-03-03,7", f"{bad},2026-03-04,1"]
    log.write_text("customer_id,timestamp,amount\n" + "\n".join(rows) + "\nanna,soon,3\n")
    result = backtest(SETTINGS, [log])

    write_files(result, tmp_path / "out")
    write_files(result, tmp_path / "named", Asked(with_customers=True))

    read = Page.of(tmp_path / "out" / "report.html").part("read")
    assert "Beside them 1 order (€7.00) name no customer" in read.text
    assert "1 × unusable id" in read.text
    assert "xxxx" not in read.html
    assert "'soon'" in read.text
    assert "xxxx" in (tmp_path / "named" / "report.html").read_text(encoding="utf-8")


def test_how_the_files_were_understood_is_said_without_the_rows_that_name_people(tmp_path: Path) -> None:
    log = tmp_path / "verkauf.csv"
    log.write_text(
        "Kunde;Datum;Betrag\nanna-maria;13.01.2026;1.250,00\nanna-maria;14.01.2026;3,50\n", encoding="cp1252"
    )
    result = backtest(SETTINGS, [log])

    write_files(result, tmp_path / "out")
    write_files(result, tmp_path / "named", Asked(with_customers=True))

    page = Page.of(tmp_path / "out" / "report.html")
    assert "customer_id = Kunde, timestamp = Datum, amount = Betrag" in page.part("read").text
    assert "decimal comma" in page.part("read").text
    assert "anna-maria" not in page.html
    assert "customer_id=anna-maria" in Page.of(tmp_path / "named" / "report.html").part("read").text
