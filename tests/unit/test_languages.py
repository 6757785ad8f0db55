"""A language is a folder: nothing outside it knows of it, and what one language says the others say too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from string import Formatter

import pytest

from service.wording.english import LANGUAGE as ENGLISH
from service.wording.language import Language
from service.wording.languages import DEFAULT, LANGUAGES

FOLDER = {
    "__init__.py": '''
"""Latin, made up for this test."""
from service.wording.latin.page import PAGE
from service.wording.latin.report import REPORT
from service.wording.latin.sentences import SENTENCES
from service.wording.language import Language

LANGUAGE = Language(
    code="la",
    name="Lingua Latina",
    page=PAGE,
    report=REPORT,
    sentences=SENTENCES,
    nameless="Emptor {customer_id}",
    typeset=lambda text: text.replace("?", "\\u202f?"),
    day=lambda day, written: f"die {day:%d} {written[:3]}",
)
''',
    "page.py": """
from service.wording.english.page import PAGE as ENGLISH

PAGE = {**ENGLISH, "title": "Quis redit, quis tacet?", "as_of": "{day} scriptum"}
""",
    "report.py": """
from service.wording.english.report import REPORT as ENGLISH

REPORT = {**ENGLISH, "report.title": "Quid tabulae narrent?"}
""",
    "sentences.py": """
from service.domain.findings import Kind

SENTENCES = {
    Kind.WIN_BACK: lambda seen, name: f"{name} tacet.",
    Kind.SECOND_VISIT: lambda seen, name: f"{name} semel venit.",
}
""",
}
USED_EVERYWHERE = """
import asyncio, sys
from pathlib import Path

from service import wording

wording.__path__.append(sys.argv[1])

import msgspec
from typer.testing import CliRunner

from service.cli import app
from service.domain.findings import Kind
from service.wire.encoder import Encoder, EncoderSettings
from service.wording.languages import LANGUAGES, language_of
from service.wording.sentences import sentence
from tests.contract.test_encoder import DECISION
from tests.support.made_up_shop import get

assert list(LANGUAGES) == ["en", "fr", "la"]

# A sentence, of itself and within a record of the stream.
evidence = msgspec.structs.replace(DECISION.evidence, locale="la-VA", first_name=None)
assert sentence(Kind.SECOND_VISIT, evidence, "7", LANGUAGES["la"]) == "Emptor 7 semel venit."
record = Encoder(EncoderSettings()).encode(msgspec.structs.replace(DECISION, evidence=evidence))[0]
assert msgspec.json.decode(record.value)["data"]["sentence"] == f"Emptor {DECISION.customer_id} tacet."

# The page: chosen by the browser, by a link, and offered by the other languages.
page = asyncio.run(get("/", accept_language="la, en;q=0.5"))
assert page.headers["content-language"] == "la"
assert "<h1>Quis redit, quis tacet\u202f?</h1>" in page.text and "die 10 " in page.text
assert '<a href="/?lang=en" lang="en" hreflang="en">English</a> · <a href="/?lang=fr"' in page.text
assert '<a href="/?lang=la" lang="la" hreflang="la">Lingua Latina</a>' in asyncio.run(get("/?lang=fr")).text
assert asyncio.run(get("/?lang=la")).headers["content-language"] == "la"

# The report: by the command line, whose help names the language.
log = Path(sys.argv[2]) / "log.csv"
days = [f"c{n % 3},2026-03-{n + 1:02}T09:00:00Z,5" for n in range(9)]
log.write_text("\\n".join(["customer_id,timestamp,amount", *days]) + "\\n")
words = ["backtest", str(log), "--out", sys.argv[2], "--language"]
done = CliRunner().invoke(app, [*words, "la"], catch_exceptions=False)
assert done.exit_code == 0, done.output
report = (Path(sys.argv[2]) / "report.html").read_text(encoding="utf-8")
assert '<html lang="la">' in report and "<h1>Quid tabulae narrent\u202f?</h1>" in report
refused = CliRunner().invoke(app, [*words, "de"])
assert refused.exit_code == 2 and "'la'" in refused.output, refused.output
print("spoken")
"""


def test_a_new_language_is_its_folder_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "languages" / "latin"
    folder.mkdir(parents=True)
    for name, source in FOLDER.items():
        (folder / name).write_text(source, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-c", USED_EVERYWHERE, str(folder.parent), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "spoken\n"), done.stderr


def test_no_module_outside_a_languages_folder_names_it() -> None:
    wording = Path(str(sys.modules["service.wording"].__path__[0]))
    folders = [folder for folder in wording.iterdir() if (folder / "sentences.py").exists()]
    others = [path for path in wording.parent.rglob("*.py") if not any(path.is_relative_to(each) for each in folders)]

    naming = [path for path in others for folder in folders if f"wording.{folder.name}" in path.read_text("utf-8")]

    assert len(folders) == len(LANGUAGES)
    assert naming == []


def test_the_default_language_comes_first() -> None:
    assert next(iter(LANGUAGES.values())) is DEFAULT is ENGLISH


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=list(LANGUAGES))
def test_every_language_has_every_text_with_the_same_blanks(language: Language) -> None:
    pairs = (
        (language.page, ENGLISH.page),
        (language.report, ENGLISH.report),
        (language.people, ENGLISH.people),
        (language.post, ENGLISH.post),
    )
    for said, in_english in pairs:
        assert said.keys() == in_english.keys()
        differ = {key for key, text in said.items() if blanks(text) != blanks(in_english[key])}
        assert differ <= {"every.one", "every.other"}  # "every day" need not say how many


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=list(LANGUAGES))
def test_no_text_of_page_report_and_persons_hides_one_of_another(language: Language) -> None:
    parts = (language.page, language.report, language.people, language.post)

    assert sum(len(part) for part in parts) == len(set().union(*parts))
    assert language.catalogue.keys() == set().union(*parts)
