"""The security settings in the words of the two client libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from service.config import KafkaSettings, secret_by_now
from service.connection.refusals import LoginRefusedError, RefusedForLongError
from service.connection.tls import tls_context
from service.connection.tokens import FileTokens, TokenSource, at_once, in_a_loop, token_source

REFUSED_LONG_S: Final = 300.0
"""No broker that comes up refuses for so long whom it lets in then."""


def aiokafka_security(kafka: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments for aiokafka's clients."""
    return {"security_protocol": kafka.security_protocol, "ssl_context": tls_context(kafka)} | _login(kafka, in_a_loop)


def kafka_python_security(kafka: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments for kafka-python's clients."""
    context, login = tls_context(kafka), _login(kafka, at_once)
    if (
        kafka.sasl_mechanism.startswith("SCRAM") and "sasl_plain_username" in login
    ):  # RFC 5802, 5.1; it sends it as it is
        name: str = login["sasl_plain_username"]
        login["sasl_plain_username"] = name.replace("=", "=3D").replace(",", "=2C")
    return (
        {"security_protocol": kafka.security_protocol} | ({} if context is None else {"ssl_context": context}) | login
    )


def _login(kafka: KafkaSettings, provider: Callable[[TokenSource], object]) -> dict[str, Any]:
    if not kafka.security_protocol.startswith("SASL"):
        return {}
    if kafka.sasl_mechanism == "OAUTHBEARER":
        return {"sasl_mechanism": "OAUTHBEARER", "sasl_oauth_token_provider": provider(token_source(kafka))}
    return {
        "sasl_mechanism": kafka.sasl_mechanism,
        "sasl_plain_username": kafka.sasl_username,
        "sasl_plain_password": secret_by_now(kafka.sasl_password, kafka.sasl_password_file),
    }


def refused_for_long(kafka: KafkaSettings, why: Exception) -> RefusedForLongError | None:
    """What ends a process whose login was refused for REFUSED_LONG_S; None where waiting may help: it is no login that
    is refused, or the secret is read again for each, from a file of its own."""
    tokens = kafka.sasl_mechanism == "OAUTHBEARER"
    file = kafka.oauth_client_secret_file if tokens else kafka.sasl_password_file
    if file is not None or not isinstance(why, LoginRefusedError) or (tokens and kafka.oauth_token_url is None):
        return None
    name = "oauth_client_secret" if tokens else "sasl_password"
    return RefusedForLongError(
        f"{why} So it was for {REFUSED_LONG_S / 60:g} minutes. kafka.{name} is in the environment or the configuration file, "
        f"which are read at a start: what starts this process again reads what they say by then. In kafka.{name}_file it "
        "can be changed without."
    )


def faust_credentials(kafka: KafkaSettings) -> Any:
    """Value of Faust's broker_credentials; None for plain text."""
    import faust  # noqa: PLC0415 - heavy, and only the worker needs it
    from faust.auth import OAuthCredentials  # noqa: PLC0415
    from faust.types.auth import AuthProtocol, SASLMechanism  # noqa: PLC0415

    if kafka.security_protocol == "PLAINTEXT":
        return None
    given = aiokafka_security(kafka)
    context = given["ssl_context"]
    if kafka.security_protocol == "SSL":
        return faust.SSLCredentials(context=context)
    if kafka.sasl_mechanism == "OAUTHBEARER":
        credentials = OAuthCredentials(oauth_cb=given["sasl_oauth_token_provider"], ssl_context=context)
    else:
        credentials = faust.SASLCredentials(
            username=given["sasl_plain_username"],
            password=given["sasl_plain_password"],
            ssl_context=context,
            mechanism=SASLMechanism(kafka.sasl_mechanism),
        )
    credentials.protocol = AuthProtocol(kafka.security_protocol)
    return credentials


def check_files(kafka: KafkaSettings) -> None:
    """Raises ConfigurationError, with the setting named, where a file for the connection cannot be used."""
    tls_context(kafka)
    if kafka.security_protocol.startswith("SASL") and kafka.sasl_mechanism == "OAUTHBEARER":
        source = token_source(kafka)
        if isinstance(source, FileTokens):
            source.token()
