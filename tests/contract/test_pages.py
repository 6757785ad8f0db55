"""What README and docs/ say is so: the commands, settings, metrics, topics, codes and files they name exist, none of
them is missing, and what is made from the code is up to date."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import jsonschema
import pytest
from pydantic import ValidationError
from typer.core import TyperGroup
from typer.main import get_command

from docs.writing import anna
from docs.writing.examples import INPUTS, Example, outputs
from docs.writing.pages import DOCS, MADE, written
from docs.writing.privacy import HELD, NOBODY
from docs.writing.regions import filled, region, regions, table
from schemas.export import HERE as SCHEMAS
from schemas.export import INPUTS as INPUT_MODELS
from schemas.export import OUTPUTS, schema_of
from service.cli import app
from service.cluster.topic_plan import DAY_MS, topic_plan
from service.config import Settings, TopicNames
from service.config.explain import settings_explained
from service.delivery.metrics import DeliveryMetrics
from service.domain.findings import Reason
from service.errors import ErrorCode
from service.ingest.metrics import IngestMetrics
from service.metric_table import METRICS
from service.streaming.metrics import Metrics
from service.wire.decoder import Decoder, DecoderSettings
from service.wire.input_topics import INPUT_TOPICS

EVERYTHING: Final = Settings(notices={"thresholds": [{"name": "any", "number": "nps", "limit": 0}]})
"""With a threshold there is every topic."""
ROOT: Final = Path(__file__).parents[2]
PAGES: Final = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
}
README: Final = PAGES["README.md"]
ALL: Final = "\n".join(PAGES.values())
SETTINGS: Final = {each.key: each for each in settings_explained()}
SECTIONS: Final = set(Settings.model_fields)
NOW_US: Final = 1_900_000_000_000_000
NAMED: Final = re.compile(r"`([a-z]+(?:\.[a-z0-9_]+)+)( = [^`]*)?`")
FILES: Final = {"py", "md", "toml", "csv", "html", "json", "yml", "txt", "jinja", "service", "subject"}
"""Endings by which a name with a dot is a file and no setting."""


def commands() -> dict[str, set[str]]:
    """Every command with the commands below it."""
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    return {
        name: set(command.commands) if isinstance(command, TyperGroup) else set()
        for name, command in root.commands.items()
    }


def prose(page: str) -> str:
    """Without what is made, which is checked by itself."""
    text = PAGES[page]
    for name in regions(text):
        text = filled(text, name, "")
    return text


# ---- what is made


def test_what_is_made_from_the_code_is_up_to_date() -> None:
    stale = [name for name, text in written().items() if (DOCS / name).read_text(encoding="utf-8") != text]

    assert stale == [], "run `python -m docs.writing`"


def test_every_region_of_a_page_has_its_maker_and_a_drift_is_seen() -> None:
    for name, makers in MADE.items():
        assert regions(PAGES[f"docs/{name}"]) == list(makers)

    page = "a\n<!-- made by x: one -->\nold\n<!-- end of one -->\nb\n"
    assert region(page, "one") == "old"
    assert filled(page, "one", "new") == "a\n<!-- made by x: one -->\n\nnew\n\n<!-- end of one -->\nb\n"
    assert table(("a", "b"), [("1|2", "3")]) == "| a | b |\n| --- | --- |\n| 1\\|2 | 3 |"
    with pytest.raises(ValueError, match="no region two"):
        filled(page, "two", "new")


def test_every_setting_is_on_its_page_with_meaning_default_and_example() -> None:
    rows = dict(
        re.findall(r"^\| `([a-z0-9_.]+)` \| (.+) \|$", region(PAGES["docs/settings.md"], "settings"), re.MULTILINE)
    )

    assert set(rows) == set(SETTINGS)
    for key, row in rows.items():
        meaning, _, default, example = re.split(r" \| ", row.replace("\\|", "/"))
        assert len(meaning) > 12, key
        assert default, key
        assert "…" not in example or "_" in example, key


def test_the_metrics_page_is_the_table_that_the_processes_make_theirs_by() -> None:
    shown = {
        family.name + ("_total" if family.type == "counter" else "")
        for registry in (Metrics().registry, DeliveryMetrics("smtp").registry, IngestMetrics().registry)
        for family in registry.collect()
        if family.name.startswith("churn_alert_")  # the process's own have the names that every library gives them
    }
    names = {row.name for row in METRICS}
    assert shown == names

    documented = re.findall(r"^\| `(churn_alert_[a-z_]+)` \|", PAGES["docs/metrics.md"], flags=re.MULTILINE)

    assert sorted(documented) == sorted(names)


def test_the_numbers_of_the_worked_customer_are_those_of_the_text() -> None:
    text = " ".join(PAGES["docs/deciding.md"].split())

    assert f"base is {anna.BASE_DAYS:.1f} days" in text
    assert f"wrongly in {100 * anna.SHARE:.1f} % of her gaps" in text
    assert f"her date is {anna.DATE_DAYS:.0f} days after" in text
    assert f"On day {math.ceil(anna.AGAIN * anna.DATE_DAYS)}, after four fifths" in text
    assert anna.still_open(anna.DATE_DAYS) == pytest.approx(anna.SHARE)


# ---- what is written by hand


@pytest.mark.parametrize(("heading", "codes"), [("Reasons of a decision", Reason), ("Error codes", ErrorCode)])
def test_the_tables_of_codes_hold_every_code_in_the_order_of_the_code(
    heading: str, codes: type[Reason | ErrorCode]
) -> None:
    part = PAGES["docs/events.md"].partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z_]+)` \| (.+) \|$", part, re.MULTILINE)

    assert [code for code, _ in rows] == [code.value for code in codes]
    assert all(said.endswith(".") and len(said) > 10 for _, said in rows)


def test_every_topic_is_in_the_table_of_topics() -> None:
    part = PAGES["docs/events.md"].partition("| --- |")[2].partition("\n\n")[0]
    listed = set(re.findall(r"`([a-z-]+)`", part.replace("GROUP", "group")))

    assert {name.default for name in TopicNames.model_fields.values()} <= listed
    assert {"group-state", "group-ledger", "group-carried"} <= listed


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_is_named_exists(page: str) -> None:
    known = commands()
    text = prose(page)
    named = re.findall(r"churn-alert (?:--config [^ `]+ )?([a-z][a-z-]+)(?: ([a-z][a-z-]+))?(?![a-z./-])", text)

    unknown = {
        f"{word} {below}".strip()
        for word, below in named
        if word not in known or (known[word] and below and below not in known[word])
    }

    assert unknown == set()


def test_every_command_is_named_somewhere() -> None:
    known = commands()
    wanted = {name for name, below in known.items() if not below and name != "demo"}
    wanted |= {f"{name} {each}" for name, below in known.items() for each in below}
    spaced = re.sub(r"churn-alert --config [^ `]+ ", "churn-alert ", ALL)

    missing = {name for name in wanted if f"churn-alert {name}" not in spaced and f"`{name}`" not in spaced}

    assert missing == set()
    assert "make demo" in README


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_that_is_named_exists(page: str) -> None:
    named = {key for key, _ in NAMED.findall(prose(page)) if key.partition(".")[0] in SECTIONS}
    named = {key for key in named if key.rpartition(".")[2] not in FILES}

    tables = {key.rpartition(".")[0] for key in SETTINGS}
    assert named - set(SETTINGS) - tables - set(OUTPUTS) == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_table_of_settings_that_is_named_or_shown_exists(page: str) -> None:
    tables = {key.rpartition(".")[0] for key in SETTINGS}
    named = set(re.findall(r"`\[([a-z_.]+)\]`", PAGES[page]))

    assert named - tables == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_metric_that_is_named_exists(page: str) -> None:
    names = {row.name for row in METRICS}
    named = set(re.findall(r"`(churn_alert_[a-z_]+?)(?:_bucket|_sum|_count)?(?:\{[^`]*)?`", PAGES[page]))

    assert named - names == set()


def links() -> Iterator[tuple[str, str]]:
    for page, text in PAGES.items():
        without_code = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"", without_code):
            yield page, target[0] or target[1]


def anchors(text: str) -> set[str]:
    """As a hosting site makes them of headings."""
    heads = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_every_link_leads_somewhere() -> None:
    dead = []
    for page, target in links():
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        if not file.exists() or (anchor and anchor not in anchors(file.read_text(encoding="utf-8"))):
            dead.append(f"{page}: {target}")

    assert dead == []


def test_every_file_that_the_code_names_is_there() -> None:
    code = [path for top in ("service", "schemas") for path in sorted((ROOT / top).rglob("*.py"))]
    others = [path for top in ("tests", "docs", "deploy", "examples") for path in (ROOT / top).rglob("*.py")]
    there = [f"/{path.relative_to(ROOT).as_posix()}" for path in (*code, *others, ROOT / "setup.py")]
    ends = {path[at:] for path in there for at in range(len(path)) if path[at] == "/"}

    named = {(path.name, name) for path in code for name in re.findall(r"[\w/]+\.py\b", path.read_text("utf-8"))}
    assert {(where, name) for where, name in named if f"/{name.lstrip('/')}" not in ends} == set()


def test_every_picture_is_shown_somewhere_and_says_what_it_shows_to_those_who_do_not_see_it() -> None:
    shown = {Path(target).name for _, target in links() if target.endswith((".png", ".svg"))}

    assert {path.name for path in (DOCS / "pictures").iterdir()} == shown
    texts = re.findall(r"!\[([^\]]*)\]\(", ALL) + re.findall(r"<img (?:[^>]*alt=\"([^\"]*)\")?", ALL)
    assert len(texts) >= 2
    assert all(len(text) > 10 for text in texts)
    for path in (DOCS / "pictures").iterdir():
        assert path.stat().st_size < 300_000, f"{path.name} is large to load"


def test_every_page_can_be_reached_from_the_first() -> None:
    seen, todo = set[str](), ["README.md"]
    while todo:
        page = todo.pop()
        if page in seen or page not in PAGES:
            continue
        seen.add(page)
        todo += [
            ((ROOT / page).parent / target.partition("#")[0]).resolve().relative_to(ROOT.resolve()).as_posix()
            for at, target in links()
            if at == page and not target.startswith("http") and target.partition("#")[0]
        ]

    assert set(PAGES) - seen == set()


def test_the_page_for_developers_knows_every_room() -> None:
    rooms = {path.name for path in (ROOT / "service").iterdir() if (path / "__init__.py").exists()}

    assert {room for room in rooms if f"`service/{room}/" not in PAGES["docs/developing.md"]} == set()


def test_the_first_page_stays_one_that_is_read() -> None:
    assert len(README.splitlines()) <= 110
    assert len(re.sub(r"```.*?```", "", README, flags=re.DOTALL).split()) <= 800


# ---- privacy

PERSONAL: Final = {
    "customer_id", "first_name", "locale", "timezone", "contact", "marketing_consent", "comment", "items", "favourite_items",
    "last_items", "sentence", "consent", "answers", "churn_risk", "latest_nps", "latest_csat", "profiling", "value_base64",
}  # fmt: skip
"""Fields that tell of a person, wherever they stand."""


def fields_of(topic: str) -> set[str]:
    """Of every event of that topic."""
    found = set[str]()
    for example in examples():
        if example.topic == topic and example.schema != "customer.removed":
            schema = schema_of({**INPUT_MODELS, **OUTPUTS}[example.schema])
            data = schema["properties"].get("data")
            inner = schema if data is None else schema["$defs"][data["$ref"].rpartition("/")[2]]
            found |= set(inner["properties"])
    return found


def test_of_every_topic_it_is_said_what_it_holds_of_a_person() -> None:
    names = {spec.name.replace("churn-alert-", "GROUP-") for spec in topic_plan(EVERYTHING, 2)}

    assert set(HELD) == names, "say in docs/writing/privacy.py what the topic holds of a person"


@pytest.mark.parametrize("topic", [name for name in HELD if not name.startswith("GROUP") and HELD[name] != NOBODY])
def test_what_a_topic_is_said_to_hold_is_what_its_events_have(topic: str) -> None:
    named, real = set(re.findall(r"`([a-z_0-9]+)`", HELD[topic].what)), fields_of(topic)

    assert named <= real
    assert real & PERSONAL - named == set(), "it holds more of a person than is said"


def test_what_names_nobody_has_no_field_of_a_person() -> None:
    for topic, held in HELD.items():
        if held == NOBODY:
            assert fields_of(topic) & PERSONAL == set()


def test_the_setting_that_says_how_long_is_the_one_that_does() -> None:
    for topic, held in HELD.items():
        if not held.setting:
            continue
        name = topic.replace("GROUP-", "churn-alert-")
        changed = Settings().changed(kafka={held.setting.removeprefix("kafka."): 11})
        (spec,) = [each for each in topic_plan(changed, 2) if each.name == name]
        assert str(11 * DAY_MS) in spec.configs.values(), topic


def test_the_longest_trace_is_as_long_as_is_said() -> None:
    longest = max(
        int(spec.configs["retention.ms"]) + int(spec.configs["segment.ms"])
        for spec in topic_plan(EVERYTHING, 2)
        if "retention.ms" in spec.configs
    )
    days, rest = divmod(longest, DAY_MS)

    assert f"{days} days and {rest // 3_600_000} hours after the last decision" in " ".join(
        PAGES["docs/PRIVACY.md"].split()
    )


# ---- examples


def examples() -> list[Example]:
    return [*INPUTS, *outputs()]


@pytest.mark.parametrize("example", examples(), ids=lambda each: each.title)
def test_every_example_is_what_its_schema_says(example: Example) -> None:
    if example.value is None:
        return
    schema = json.loads((SCHEMAS / "json" / f"{example.schema}.schema.json").read_text(encoding="utf-8"))

    jsonschema.validate(example.value, schema)
    {**INPUT_MODELS, **OUTPUTS}[example.schema].model_validate_json(json.dumps(example.value))


@pytest.mark.parametrize("example", INPUTS, ids=lambda each: each.title)
def test_every_example_of_an_input_is_understood(example: Example) -> None:
    (topic,) = (each for each in INPUT_TOPICS if each.channel.name == example.topic)
    decoder = Decoder(DecoderSettings())
    if example.value is None:
        assert topic.withdrawal is not None
        assert topic.withdrawal(decoder)(example.key.encode(), NOW_US, ()) is not None
        return

    event = topic.decode(decoder)(json.dumps(example.value).encode(), example.key.encode(), (), NOW_US)

    assert isinstance(event, topic.events)
    assert event.customer_id == example.key


def test_there_is_an_example_of_every_event_and_of_every_field_of_an_input() -> None:
    shown = {example.schema for example in examples()}
    assert shown == set(INPUT_MODELS) | set(OUTPUTS)

    for name, model in INPUT_MODELS.items():
        fields = {field for example in INPUTS if example.schema == name for field in example.value or {}}
        assert fields == set(model.model_fields), name


def test_every_json_on_the_pages_can_be_read() -> None:
    for page, text in PAGES.items():
        for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL):
            assert json.loads(block), page


def test_every_settings_file_on_the_pages_is_accepted() -> None:
    import tomllib

    found = 0
    for page, text in PAGES.items():
        for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL):
            content = tomllib.loads(block.replace('"…"', '"0123456789abcdef0123"'))
            found += 1
            try:
                Settings(**content)
            except ValidationError as error:
                pytest.fail(f"{page}: {error}")
    assert found >= 3


def test_the_smallest_purchase_of_the_readme_is_accepted() -> None:
    example = re.search(r"```json\n(\{.*?\})\n```", README, flags=re.DOTALL)
    assert example is not None

    purchase = Decoder(DecoderSettings()).purchase(example[1].encode(), b"c-1", (), NOW_US)

    assert (purchase.customer_id, purchase.amount_minor) == ("c-1", 1250)


def test_the_pages_are_where_the_maker_looks() -> None:
    assert DOCS == ROOT / "docs"
