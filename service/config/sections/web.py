"""`[web]`: the page, and who may see it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    model_validator,
)

from service.config.sections.section import Seconds, Section, Token

_HOST = r"^(\*|(\*\.)?[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?)$"


class TokenSettings(Section):
    """One token of several, for those who may see less, or do less, than who has `web.token`."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")]
    """Whose it is, for the audit lines; not secret."""
    token: Token
    """The secret itself, 16 characters or more; or token_file in its place."""
    token_file: Path | None = None
    """File that holds token."""
    scopes: Annotated[list[Literal["numbers", "persons", "write"]], Field(min_length=1)] = ["numbers"]
    """What it opens: the numbers where those are behind a token, what is told of persons, and what changes something
    of them (do not contact, forget, export). None contains another."""


class WebSettings(Section):
    enabled: bool = True
    """Whether the worker serves its page, API, metrics and health."""
    host: Annotated[str, Field(min_length=1, max_length=255)] = "127.0.0.1"
    """Address to listen on; loopback unless told otherwise."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8088
    """Port to listen on; 0: a free one."""
    token: Token | None = None
    """The owner's token (16 characters or more): it opens all there is, numbers, persons and what changes something of
    them. Without a token, here or in tokens, everything about a person stays closed."""
    token_file: Path | None = None
    """File that holds token."""
    numbers: Literal["open", "token"] = "open"
    """Who sees the numbers, of page, API and metrics: whoever reaches the port, or who has the token (as Bearer, or as
    the password that a browser asks for)."""
    hosts: Annotated[list[Annotated[str, Field(pattern=_HOST)]], Field(max_length=100)] = []
    """Further names under which the page is reached, such as www.cafe.example or *.cafe.example; "*" is any. Loopback
    names, this machine's own, that of deliver.public_url and bare addresses always are; a request for any other name
    is answered 421, for a foreign web page could read the numbers under it (DNS rebinding)."""
    connections: Annotated[int, Field(ge=1, le=100_000)] = 512
    """Connections at once; a further one takes the place of one that is idle, or is answered 503."""
    connections_per_client: Annotated[int, Field(ge=1, le=100_000)] = 128
    """The same of one client address; a further one is answered 429. Behind a proxy all clients have its address."""
    requests_per_second: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)] = 50.0
    """Requests of one client address, with four seconds' worth at once; a further one is answered 429."""
    header_timeout_s: Seconds = 10.0
    """Seconds that a client may take for the header of a request."""
    body_timeout_s: Seconds = 10.0
    """Seconds that it may take for the body."""
    idle_timeout_s: Seconds = 15.0
    """Seconds after which a connection on which nothing is asked is closed."""
    answer_timeout_s: Seconds = 30.0
    """Seconds within which an answer must be made and taken."""
    header_bytes: Annotated[int, Field(ge=1_024, le=1 << 20)] = 16_384
    """Bytes of the largest header of a request; a larger one is answered 431."""
    body_bytes: Annotated[int, Field(ge=0, le=64 << 20)] = 65_536
    """Bytes of the largest body; a larger one is answered 413."""
    token_failures: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    """Wrong tokens of one client address in a minute, after which no token of its is looked at until the minute is
    over (429)."""
    tokens: Annotated[list[TokenSettings], Field(max_length=100)] = []
    """Further tokens, each with a name and its scopes, as tables [[web.tokens]]."""
    session_hours: Annotated[float, Field(gt=0, le=720, allow_inf_nan=False)] = 12.0
    """Hours after which whoever has signed in on the page has to do so again."""

    @model_validator(mode="after")
    def _tokens_are_told_apart(self) -> Self:
        secrets = [each.token.get_secret_value() for each in self.tokens]
        secrets += [] if self.token is None else [self.token.get_secret_value()]
        if len(set(secrets)) < len(secrets):
            raise ValueError("two tokens are the same: each opens its own scopes")
        names = [each.name for each in self.tokens]
        if len(set(names)) < len(names):
            raise ValueError("two tokens have the same name")
        return self

    @model_validator(mode="after")
    def _token_to_show(self) -> Self:
        opens = self.token is not None or any("numbers" in each.scopes for each in self.tokens)
        if self.numbers == "token" and not opens:
            raise ValueError(
                'numbers = "token" needs token, or one of tokens with the scope numbers: nobody would see them'
            )
        return self
