"""Tokens for an OAUTHBEARER login: from a file, from an endpoint, signed for AWS; kept while they are good."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from service.config import KafkaSettings
from service.connection.refusals import RefusedError
from service.connection.security import aiokafka_security, check_files, faust_credentials, kafka_python_security
from service.connection.tokens import AwsTokens, EndpointTokens, FileTokens, in_a_loop
from service.errors import ConfigurationError, TransientError

SECRET = "s:e/c r+e%t"  # noqa: S105


class Endpoint(HTTPServer):
    """Answers as it is told, and keeps what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.answers: list[tuple[int, bytes]] = []
        self.asked: list[tuple[str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/token"

    def says(self, code: int, told: object) -> None:
        self.answers.append((code, told if isinstance(told, bytes) else json.dumps(told).encode()))


class _Answering(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append((self.headers["Authorization"], body))
        code, told = self.server.answers.pop(0)
        self.send_response(code)
        if code == 302:
            self.send_header("Location", self.server.url)
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def tokens_of(endpoint: Endpoint) -> EndpointTokens:
    return EndpointTokens(endpoint.url, "shop", SECRET, {"scope": "kafka rw"}, None, {})


def test_a_token_is_fetched_once_and_again_before_it_ends(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint.says(200, {"access_token": "first", "expires_in": 100, "token_type": "Bearer"})
    endpoint.says(200, {"access_token": "second", "expires_in": 100})
    now_s = time.monotonic()
    tokens = tokens_of(endpoint)

    assert [tokens.token(), tokens.token()] == ["first", "first"]
    monkeypatch.setattr(time, "monotonic", lambda: now_s + 85)
    assert tokens.token() == "second"

    header, body = endpoint.asked[0]
    assert b64decode(header.removeprefix("Basic ")).decode() == "shop:s%3Ae%2Fc+r%2Be%25t"
    assert body == "grant_type=client_credentials&scope=kafka+rw"


@pytest.mark.parametrize(
    ("code", "told", "error", "said"),
    [
        (401, {"error": "invalid_client", "error_description": "no"}, RefusedError, "HTTP 401 invalid_client no"),
        (400, b"", RefusedError, "check kafka.oauth_client_id"),
        (503, b"later", TransientError, "HTTP 503"),
        (302, b"", RefusedError, "HTTP 302"),
        (200, b"<html>", RefusedError, "is kafka.oauth_token_url a token endpoint?"),
        (200, ["no"], RefusedError, "no access_token"),
        (200, {"access_token": "a b"}, RefusedError, "is none"),
        (200, {"access_token": "a", "expires_in": "soon"}, RefusedError, "is none"),
    ],
)
def test_what_is_no_token_is_told_without_the_secret(
    code: int, told: object, error: type[Exception], said: str, endpoint: Endpoint
) -> None:
    endpoint.says(code, told)

    with pytest.raises(error, match="127") as refused:
        tokens_of(endpoint).token()

    assert said in str(refused.value)
    assert "s:e" not in str(refused.value)
    assert "s%3A" not in str(refused.value)
    assert len(endpoint.asked) == 1, "a redirect is not followed"


def test_an_endpoint_that_is_away_is_waited_for_and_is_an_outage_to_a_loop() -> None:
    tokens = EndpointTokens("http://127.0.0.1:1/token", "shop", SECRET, {}, None, {})

    with pytest.raises(TransientError, match=r"No token for Kafka comes from http://127\.0\.0\.1:1/token"):
        tokens.token()
    with pytest.raises(KafkaConnectionError, match="No token"):
        asyncio.run(in_a_loop(tokens).token())


def test_a_file_is_read_for_every_login(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    tokens = FileTokens(file, {})
    assert tokens.token() == "first"

    file.write_text("second")
    assert tokens.token() == "second"
    for content in ("two words", "new\nline", "\x01auth=x"):
        file.write_text(content)
        with pytest.raises(ConfigurationError, match=r"kafka\.oauth_token_file holds no token"):
            tokens.token()
    file.unlink()
    with pytest.raises(ConfigurationError, match=r"kafka\.oauth_token_file .* cannot be read"):
        tokens.token()


def test_both_libraries_and_faust_are_given_the_token_and_its_extensions(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a-token")
    kafka = KafkaSettings(
        security_protocol="SASL_SSL",
        sasl_mechanism="OAUTHBEARER",
        oauth_token_file=tmp_path / "token",
        oauth_extensions={"logicalCluster": "lkc-1"},
    )

    check_files(kafka)
    of_commands = kafka_python_security(kafka)["sasl_oauth_token_provider"]
    of_loops = aiokafka_security(kafka)["sasl_oauth_token_provider"]
    of_faust = faust_credentials(kafka)

    assert (of_commands.token(), of_commands.extensions()) == ("a-token", {"logicalCluster": "lkc-1"})
    assert (asyncio.run(of_loops.token()), of_loops.extensions()) == ("a-token", {"logicalCluster": "lkc-1"})
    assert asyncio.run(of_faust.oauth_cb.token()) == "a-token"
    assert of_faust.protocol.value == "SASL_SSL"


def test_tokens_for_amazon_are_signed_for_the_region_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    signed: list[str] = []

    def sign(region: str) -> tuple[str, int]:
        signed.append(region)
        return f"token-{len(signed)}", int((time.time() + 900) * 1000)

    provider = SimpleNamespace(generate_auth_token=sign)
    monkeypatch.setitem(sys.modules, "aws_msk_iam_sasl_signer", SimpleNamespace(MSKAuthTokenProvider=provider))
    tokens = AwsTokens("eu-west-3", {})

    assert [tokens.token(), tokens.token()] == ["token-1", "token-1"]
    assert signed == ["eu-west-3"]


def test_without_credentials_of_aws_or_without_its_package_it_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def sign(_region: str) -> tuple[str, int]:
        raise AttributeError("no credentials")

    provider = SimpleNamespace(generate_auth_token=sign)
    monkeypatch.setitem(sys.modules, "aws_msk_iam_sasl_signer", SimpleNamespace(MSKAuthTokenProvider=provider))
    with pytest.raises(RefusedError, match="give this process credentials of AWS"):
        AwsTokens("eu-west-3", {}).token()

    monkeypatch.setitem(sys.modules, "aws_msk_iam_sasl_signer", None)
    with pytest.raises(ConfigurationError, match=r"churn-alert\[msk\]"):
        AwsTokens("eu-west-3", {})
