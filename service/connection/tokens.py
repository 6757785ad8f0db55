"""Where the tokens of an OAUTHBEARER login come from: a file that somebody keeps fresh, an endpoint of OAuth, or the
credentials of AWS. One source a class, asked for every login; what it has said stays in memory while it is good.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.error import HTTPError
from urllib.parse import quote_plus, urlencode
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from aiokafka.abc import AbstractTokenProvider as ProviderInALoop
from aiokafka.errors import KafkaConnectionError
from kafka.net.sasl.oauth import AbstractTokenProvider as ProviderAtOnce

from service.config import KafkaSettings, secret_by_now, secret_in
from service.connection.refusals import LoginRefusedError, RefusedError
from service.connection.tls import trusting
from service.errors import ChurnAlertError, ConfigurationError, TransientError

ANSWER_S: Final = 5.0
"""For a token endpoint to answer: logins wait for it."""
_USED_SHARE: Final = 0.8
"""Of a token's life, after which a new one is asked for."""
_SHORT_LIFE_S: Final = 60.0
"""Of a token whose endpoint does not say how long it is good."""
_LONGEST_ANSWER: Final = 1 << 20


class TokenSource(Protocol):
    """Says a token that is good now."""

    extensions: Mapping[str, str]
    """Further words to the broker."""

    def token(self) -> str:
        """May wait for the network. Raises RefusedError where none is given out, TransientError where nobody answers,
        ConfigurationError where none can be had."""


def token_source(kafka: KafkaSettings) -> TokenSource:
    """As the settings name one. Raises ConfigurationError where it cannot be used."""
    if kafka.oauth_token_file is not None:
        return FileTokens(kafka.oauth_token_file, kafka.oauth_extensions)
    if kafka.oauth_aws_region is not None:
        return AwsTokens(kafka.oauth_aws_region, kafka.oauth_extensions)
    return _endpoint(
        kafka.oauth_token_url or "",
        kafka.oauth_client_id or "",
        secret_by_now(kafka.oauth_client_secret, kafka.oauth_client_secret_file),
        tuple(
            (name, value) for name, value in (("scope", kafka.oauth_scope), ("audience", kafka.oauth_audience)) if value
        ),
        kafka.oauth_cafile,
        tuple(kafka.oauth_extensions.items()),
    )


class FileTokens:
    """Read for every login."""

    def __init__(self, file: Path, extensions: Mapping[str, str]) -> None:
        self._file = file
        self.extensions = extensions

    def token(self) -> str:
        try:
            return _one_word(secret_in(self._file).strip())
        except ValueError as error:
            raise ConfigurationError(f"kafka.oauth_token_file {error}.") from error


class EndpointTokens:
    """Fetched by RFC 6749, 4.4: the grant client_credentials. Neither redirects are followed nor is the secret told."""

    def __init__(
        self,
        url: str,
        client_id: str,
        secret: str,
        wanted: Mapping[str, str],
        cafile: Path | None,
        extensions: Mapping[str, str],
    ) -> None:
        self._url, self._client_id, self.extensions = url, client_id, extensions
        pair = f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()
        self._request = Request(  # noqa: S310 - the settings take http and https only
            url,
            urlencode({"grant_type": "client_credentials", **wanted}).encode(),
            {
                "Authorization": f"Basic {base64.b64encode(pair).decode()}",
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            },
        )
        self._opener = build_opener(_NoRedirects, HTTPSHandler(context=trusting("oauth_cafile", cafile)))
        self._lock = threading.Lock()
        self._kept, self._until_s = "", 0.0

    def token(self) -> str:
        with self._lock:
            if time.monotonic() >= self._until_s:
                self._kept, life_s = self._fetched()
                self._until_s = time.monotonic() + life_s * _USED_SHARE
            return self._kept

    def _fetched(self) -> tuple[str, float]:
        """A token, and for how many seconds it is good."""
        try:
            with self._opener.open(self._request, timeout=ANSWER_S) as answer:
                told = json.loads(answer.read(_LONGEST_ANSWER))
        except HTTPError as error:
            with error:
                why = _why(error)
            if error.code >= 500 or error.code == 429:
                raise TransientError(f"No token for Kafka comes from {self._url} ({why}).") from None
            raise LoginRefusedError(
                f"{self._url} gives {self._client_id!r} no token for Kafka ({why}): check kafka.oauth_client_id, "
                "oauth_client_secret and oauth_scope."
            ) from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise TransientError(
                f"No token for Kafka comes from {self._url} ({reason}): check kafka.oauth_token_url and oauth_cafile."
            ) from None
        except ValueError:
            raise self._no_token("its answer is no JSON") from None
        token, life_s = (told.get("access_token"), told.get("expires_in")) if isinstance(told, dict) else (None, None)
        if not isinstance(token, str):
            raise self._no_token("its answer holds no access_token")
        try:
            return _one_word(token), float(life_s) if life_s is not None else _SHORT_LIFE_S
        except (TypeError, ValueError):
            raise self._no_token("its access_token or expires_in is none") from None

    def _no_token(self, why: str) -> RefusedError:
        return RefusedError(f"{self._url} gives no token for Kafka ({why}): is kafka.oauth_token_url a token endpoint?")


class AwsTokens:
    """Signed here, with what AWS's own libraries find: no network is asked but for the credentials of a role."""

    def __init__(self, region: str, extensions: Mapping[str, str]) -> None:
        try:
            from aws_msk_iam_sasl_signer import MSKAuthTokenProvider  # noqa: PLC0415 - an extra
        except ImportError:
            raise ConfigurationError(
                "kafka.oauth_aws_region needs the package aws-msk-iam-sasl-signer-python: install this one with its "
                "extra, churn-alert[msk]."
            ) from None
        self._sign, self._region, self.extensions = MSKAuthTokenProvider.generate_auth_token, region, extensions
        self._lock = threading.Lock()
        self._kept, self._until_s = "", 0.0

    def token(self) -> str:
        with self._lock:
            if time.time() >= self._until_s:
                try:
                    self._kept, until_ms = self._sign(self._region)
                except Exception as error:  # noqa: BLE001 - botocore has a tree of its own, and the signer raises ValueError too
                    raise RefusedError(
                        f"No token for Amazon MSK in {self._region} can be signed ({type(error).__name__}): give this "
                        "process credentials of AWS."
                    ) from None
                now_s = time.time()
                self._until_s = now_s + max(0.0, until_ms / 1000 - now_s) * _USED_SHARE
            return self._kept


class _AtOnce(ProviderAtOnce):  # type: ignore[misc]  # kafka-python is untyped
    """A source for kafka-python, whose threads may wait."""

    def __init__(self, source: TokenSource) -> None:
        super().__init__()
        self._source = source

    def token(self) -> str:
        return self._source.token()

    def extensions(self) -> dict[str, str]:
        return dict(self._source.extensions)


class _InALoop(ProviderInALoop):  # type: ignore[misc]  # aiokafka is untyped
    """A source for aiokafka, which takes an error of ours for a bug and one of its own for an outage."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    async def token(self) -> str:
        try:
            return await asyncio.to_thread(self._source.token)
        except ChurnAlertError as error:
            raise KafkaConnectionError(str(error)) from None

    def extensions(self) -> dict[str, str]:
        return dict(self._source.extensions)


def at_once(source: TokenSource) -> ProviderAtOnce:
    return _AtOnce(source)


def in_a_loop(source: TokenSource) -> ProviderInALoop:
    return _InALoop(source)


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """The secret is for one address."""


@lru_cache(maxsize=8)
def _endpoint(
    url: str,
    client_id: str,
    secret: str,
    wanted: tuple[tuple[str, str], ...],
    cafile: Path | None,
    extensions: tuple[tuple[str, str], ...],
) -> EndpointTokens:
    """One for all clients of a process: they share its token."""
    return EndpointTokens(url, client_id, secret, dict(wanted), cafile, dict(extensions))


def _one_word(token: str) -> str:
    """Raises ValueError for what is no token: it stands between control characters in the login."""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("holds no token: one word of printable ASCII")
    return token


def _why(error: HTTPError) -> str:
    """What the answer says of itself."""
    try:
        told = json.loads(error.read(_LONGEST_ANSWER))
        said = f"{told['error']} {told.get('error_description', '')}"
    except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError):
        said = ""
    return " ".join(f"HTTP {error.code} {said}".split())[:200]
