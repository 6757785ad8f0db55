"""`[registry]`: where the schemas of records in Avro and Protobuf are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from service.config.secret_files import secret_in
from service.config.sections.section import WEB_ADDRESS, Secret, Section, Token


class RegistrySettings(Section):
    """A schema registry, as Confluent, Karapace, Redpanda and Apicurio (its `ccompat` path) have one."""

    read_when_used: ClassVar[frozenset[str]] = frozenset({"password", "token"})
    """Secrets whose files may be missing where nothing is read by schemas, such as on a deliverer's machine."""

    url: Annotated[str, Field(max_length=2_000)] | None = None
    """Where it is, e.g. https://registry.example:8081; several separated by commas are tried one after the other."""
    username: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    """Name to log in with (of a cloud's registry: the API key); unset: no login."""
    password: Secret | None = None
    """Password to log in with (the API secret); better set by a file of its own or the environment than in the
    settings' file."""
    password_file: Path | None = None
    """File that holds password."""
    token: Token | None = None
    """Sent as a Bearer token, in place of name and password."""
    token_file: Path | None = None
    """File that holds token."""
    ca_file: Path | None = None
    """Certificates in PEM format of those who may have signed the registry's; unset: those that the machine trusts."""
    cert_file: Path | None = None
    """Our certificate in PEM format with its private key, for registries that ask for one (mutual TLS)."""
    key_file: Path | None = None
    """The private key, in PEM format. Unset: it is in cert_file too."""
    allow_plaintext_credentials: bool = False
    """Without TLS password and token would be readable; it must be asked for."""
    timeout_s: Annotated[float, Field(gt=0, le=600, allow_inf_nan=False)] = 10.0
    """What one answer may take; then it is asked again."""

    @field_validator("url")
    @classmethod
    def _are_addresses(cls, text: str | None) -> str | None:
        for one in () if text is None else text.split(","):
            if WEB_ADDRESS.fullmatch(one.strip()) is None:
                raise ValueError(f"{one.strip()[:100]!r} is no web address such as https://registry.example:8081")
        return text

    @model_validator(mode="after")
    def _credentials(self) -> Self:
        if (self.username is None) != (self.password is None and self.password_file is None):
            raise ValueError("username and password belong together: set both or neither")
        if (self.token or self.token_file) and (self.password or self.password_file):
            raise ValueError("token and password are two ways to log in: set one of them")
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("key_file is the key of a certificate: name that in cert_file")
        readable = any(each.lower().startswith("http:") for each in self.urls)
        if readable and (self.password or self.token) and not self.allow_plaintext_credentials:
            raise ValueError(
                "url without TLS would send the login readable; use https or set allow_plaintext_credentials = true"
            )
        return self

    def unreadable(self) -> str:
        """Which of its files is to hold a secret and cannot be read, in words; empty: none."""
        for name in sorted(self.read_when_used):
            file: Path | None = getattr(self, f"{name}_file")
            if file is not None and getattr(self, name) is None:
                try:
                    secret_in(file)
                except ValueError as error:
                    return f"registry.{name}_file: {error}"
                return f"registry.{name}_file could not be read at the start: begin again"
        return ""

    @property
    def urls(self) -> tuple[str, ...]:
        """Without a slash at the end."""
        return () if self.url is None else tuple(each.strip().rstrip("/") for each in self.url.split(","))
