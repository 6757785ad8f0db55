"""What the pages about persons say in English."""

from __future__ import annotations

from collections.abc import Mapping

PEOPLE: Mapping[str, str] = {
    "sign_in.title": "Sign in",
    "sign_in.why": "What is told of persons is for those who hold a token of the shop.",
    "sign_in.token": "Token",
    "sign_in.button": "Sign in",
    "sign_in.wrong": "This token is not known.",
    "sign_in.scope": "This token does not open that page: it lacks the scope “{scope}”.",
    "sign_in.slow": "Too many wrong tokens. Try again in {seconds} seconds.",
    "sign_in.closed": "No token is configured, so everything about persons stays closed. Set web.token (16 characters or more) and start the worker again.",
    "sign_in.elsewhere": "This form did not come from this page. Please send it again.",
    "sign_in.back": "To the shop’s numbers",
    "sign_in.again": "One moment. If nothing happens, follow this link.",
    "sign_out": "Sign out",
    "sign_in.still": "You are signed in already.",
    "people.nav": "Pages",
    "people.today": "Today",
    "people.list": "People at risk",
    "people.numbers": "Numbers",
}  # fmt: skip
