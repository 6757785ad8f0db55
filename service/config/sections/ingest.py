"""`[ingest]`: the webhook door, `churn-alert ingest`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from service.config.sections.inputs import Path as PathTo
from service.config.sections.section import WEB_ADDRESS, Secret, Section, Token, WebRoot

_WHSEC = re.compile(r"whsec_[A-Za-z0-9+/]+={0,2}( whsec_[A-Za-z0-9+/]+={0,2})*")


class SourceSettings(Section):
    """One sender of webhooks, as a table [[ingest.sources]]."""

    kind: Literal["shopify", "woocommerce", "square", "stripe", "plain"]
    """What posts: a shop system, or a program of yours that posts events of our own form."""
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")] | None = None
    """Of its path, /ingest/NAME; unset: the kind."""
    secret: Secret | None = None
    """What it signs with, as the shop system shows it; of plain a key whsec_… of Standard Webhooks. While it is
    changed two of 8 characters or more, with a space between."""
    secret_file: Path | None = None
    """File that holds secret."""
    token: Token | None = None
    """Of plain: the Bearer token (16 characters or more) that it sends, in place of a signature."""
    token_file: Path | None = None
    """File that holds token."""
    url: Annotated[str, Field(max_length=2_000)] | None = None
    """Of square: the address of the subscription, letter by letter, for it is signed with the body; unset:
    ingest.public_url with the path."""
    customer: PathTo | None = None
    """Where in an order the customer's id is, such as customer.id or billing.email; unset: where it is in the files of
    this shop system."""
    topic: Literal["purchases", "surveys", "customers"] = "purchases"
    """Of plain: what its events are."""

    @property
    def path_name(self) -> str:
        return self.name or self.kind

    @model_validator(mode="after")
    def _is_authentic(self) -> Self:
        if self.kind != "plain":
            if self.secret is None:
                raise ValueError(
                    f"secret is not set: with it {self.kind} signs what it posts, and anybody else is refused"
                )
            for name in ("token", "topic"):
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"{name} is for plain; {self.kind} signs what it posts, and posts orders")
        elif (self.secret is None) == (self.token is None):
            raise ValueError("set secret (whsec_…, for signed events) or token (for a Bearer token), one of the two")
        elif self.secret is not None and _WHSEC.fullmatch(self.secret.get_secret_value()) is None:
            raise ValueError("secret of plain is a key of Standard Webhooks: whsec_ and base64")
        elif self.customer is not None:
            raise ValueError("customer is for shop systems: plain events have our own fields")
        if self.url is not None and self.kind != "square":
            raise ValueError("url is for square: the others do not sign it")
        return self

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        if url is not None and WEB_ADDRESS.fullmatch(url) is None:
            raise ValueError(f"{url[:100]!r} is no web address such as https://shop.example/ingest/square")
        return url


class IngestSettings(Section):
    """What shop systems post to."""

    sources: Annotated[list[SourceSettings], Field(max_length=100)] = []
    """Who may post, as tables [[ingest.sources]]."""
    public_url: WebRoot | None = None
    """Where the door is reached from outside, e.g. https://shop.example/churn; its name is one that it answers to."""
    host: Annotated[str, Field(min_length=1, max_length=255)] = "127.0.0.1"
    """Address to listen on; loopback unless told otherwise: put a proxy with TLS in front."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8090
    """Of the webhooks, probes and metrics."""
    body_bytes: Annotated[int, Field(ge=1_024, le=16 << 20)] = 1 << 20
    """Bytes of the largest webhook; a larger one is answered 413."""
    requests_per_second: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)] = 100.0
    """Webhooks of one client address, with four seconds' worth at once; a further one is answered 429, and the shop
    system posts it again. Behind a proxy all have its address."""

    @model_validator(mode="after")
    def _sources_are_told_apart(self) -> Self:
        names = [source.path_name for source in self.sources]
        if len(set(names)) < len(names):
            raise ValueError("two sources have the same name, which is their path: give one of them another")
        for source in self.sources:
            if source.kind == "square" and source.url is None and self.public_url is None:
                raise ValueError("square signs the address that it posts to: set public_url, or url of the source")
        return self
