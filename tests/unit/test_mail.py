"""The bytes of a mail, as a mail program reads them."""

from __future__ import annotations

import email
import email.policy
import re
from email.message import EmailMessage
from typing import Any

import pytest
from pydantic import SecretStr

from service.delivery.channel import Order
from service.delivery.links import Links
from service.delivery.mail import Envelope, in_ascii
from service.delivery.requests import read_request
from tests.support.delivery_world import requested
from tests.support.plain_message import Plain

URL = "https://anna.example/unsubscribe?t=abc&lang=fr"
ENVELOPE = Envelope("Café Anna <hello@anna.example>", "Anna <anna@anna.example>")


def order(request_id: str = "7f-1", **more: Any) -> Order:
    found = read_request(requested(request_id, "c1", **more))
    assert isinstance(found, Order)
    return found


def mail(written: Plain, request: Order | None = None) -> tuple[bytes, EmailMessage]:
    raw = ENVELOPE.compose(request or order(), "c1@example.org", written, URL, 1_800_000_000.0)
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return raw, parsed


LONG = "Une très longue ligne où l’on dit « bonjour », " * 20
WRITTEN = Plain(
    "Vous nous manquez, Amélie : à bientôt autour d’un café et d’une part de tarte ?",
    f"Bonjour\n.\n{LONG}",
    f"<p>{LONG}</p>",
)


def test_to_postmark_a_header_names_the_message_in_what_it_will_tell_of_it() -> None:
    envelope = Envelope("hello@anna.example", None, "smtp.PostmarkApp.com")

    raw = envelope.compose(order(), "c1@example.org", WRITTEN, URL, 1_800_000_000.0)

    assert email.message_from_bytes(raw)["X-PM-Metadata-outreach-id"] == "7f-1"


def test_the_headers_by_which_it_is_judged() -> None:
    _, read = mail(WRITTEN)

    assert dict(read.items()) == {
        "From": "Café Anna <hello@anna.example>",
        "To": "c1@example.org",
        "Subject": WRITTEN.subject,
        "Date": "Fri, 15 Jan 2027 08:00:00 +0000",
        "Message-ID": "<7f-1@anna.example>",
        "Reply-To": "Anna <anna@anna.example>",
        "List-Unsubscribe": f"<{URL}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "MIME-Version": "1.0",
        "Content-Type": read["Content-Type"],
    }
    assert all(len(read.get_all(name, [])) == 1 for name in set(read.keys()))


def test_text_comes_first_and_html_last_both_whole() -> None:
    _, read = mail(WRITTEN)

    assert read.get_content_type() == "multipart/alternative"
    plain, html = read.iter_parts()
    assert isinstance(plain, EmailMessage)
    assert isinstance(html, EmailMessage)
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert plain.get_content().splitlines() == WRITTEN.text.rstrip().splitlines()
    assert html.get_content().splitlines() == [WRITTEN.html]


def test_it_goes_over_every_line_there_is() -> None:
    raw, _ = mail(WRITTEN)

    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert re.search(rb"(?<!\r)\n|\r(?!\n)", raw) is None
    assert max(len(line) for line in raw.partition(b"\r\n\r\n")[2].split(b"\r\n")) <= 78


def test_a_subject_of_two_lines_adds_no_header() -> None:
    _, read = mail(Plain("Hello\r\nBcc: everybody@example.org", "text", "<p>html</p>"))

    assert read["Bcc"] is None
    assert read["Subject"] == "Hello Bcc: everybody@example.org"
    assert b"\0" not in mail(Plain("Hello \0you", "text", "<p>html</p>"))[0]


def test_the_message_id_is_that_of_the_request_whatever_stands_in_it() -> None:
    assert ENVELOPE.message_id("a b<c>@d\r\n") == "<a-b-c--d--@anna.example>"
    assert ENVELOPE.message_id("7f") == ENVELOPE.message_id("7f")


def test_a_sample_is_marked() -> None:
    _, read = mail(Plain("Hello", "text", "<p>html</p>"), order(sample=True))

    assert read["Subject"] == "[Test] Hello"


@pytest.mark.parametrize(
    ("address", "known"),
    [
        ("a@b.org", "a@b.org"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("a@Straße.example", "a@xn--strae-oqa.example"),
        ("ä@b.org", "ä@b.org"),
        ("a@☕.example", "a@☕.example"),
    ],
)
def test_a_domain_of_other_letters_is_written_as_dns_knows_it(address: str, known: str) -> None:
    assert in_ascii(address) == known


LINKS = Links("https://anna.example", SecretStr("a secret of the tests"))


@pytest.mark.parametrize("who", ["c1", "anna@example.org", "Zoë ☕", "x" * 256])
def test_a_link_is_read_by_who_made_it_and_says_nothing_to_others(who: str) -> None:
    url = LINKS.url(who, "fr-CA")
    token = url.partition("?t=")[2].partition("&")[0]

    about = LINKS.read(token)
    assert about is not None
    assert (about.customer_id, about.sample) == (who, False)
    assert url.endswith("&lang=fr")
    assert who not in url
    assert Links("https://anna.example", SecretStr("another secret of theirs")).read(token) is None
    assert LINKS.read(LINKS.token(who, sample=True)) == (who, True)


def test_a_secret_that_was_changed_still_reads_the_links_in_mails_that_were_sent() -> None:
    then, now = SecretStr("a secret of the tests"), SecretStr("another secret of the tests")
    sent, changed = Links("https://anna.example", then).token("c1"), Links("https://anna.example", now, then)

    assert changed.read(sent) == changed.read(changed.token("c1")) == ("c1", False)
    assert Links("https://anna.example", now).read(sent) is None
    assert changed.token("c1") != sent, "new links are made with the new one"
    assert changed.read(Links("https://anna.example", SecretStr("a secret of others")).token("c1")) is None


def test_no_letter_of_a_token_can_be_changed() -> None:
    token = LINKS.token("c1")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    for place in range(len(token)):
        for letter in letters:
            if letter != token[place]:
                assert LINKS.read(token[:place] + letter + token[place + 1 :]) is None


@pytest.mark.parametrize("token", ["", "a", "=", "é" * 30, "A" * 3_000, "....", "AAAA AAAA", "A" * 22, "A" * 24])
def test_what_is_no_token_is_read_as_none(token: str) -> None:
    assert LINKS.read(token) is None
