"""The security settings in the words of the two client libraries."""

from __future__ import annotations

import ssl
from typing import Any

from service.config import KafkaSettings
from service.errors import ConfigurationError


def _tls(kafka: KafkaSettings) -> ssl.SSLContext | None:
    if kafka.security_protocol not in {"SSL", "SASL_SSL"}:
        return None
    try:
        return ssl.create_default_context(cafile=str(kafka.ssl_cafile) if kafka.ssl_cafile else None)
    except OSError as error:  # SSLError is one
        raise ConfigurationError(
            f"kafka.ssl_cafile {str(kafka.ssl_cafile)[:200]!r} cannot be used ({error.strerror or error}): "
            "name a file of certificates in PEM format."
        ) from error


def aiokafka_security(kafka: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments for aiokafka's clients."""
    arguments: dict[str, Any] = {"security_protocol": kafka.security_protocol, "ssl_context": _tls(kafka)}
    if kafka.sasl_password is not None and kafka.security_protocol.startswith("SASL"):
        arguments |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.sasl_username,
            "sasl_plain_password": kafka.sasl_password.get_secret_value(),
        }
    return arguments


def kafka_python_security(kafka: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments for kafka-python's clients (the same names but for the absent TLS context)."""
    return {name: value for name, value in aiokafka_security(kafka).items() if value is not None}


def faust_credentials(kafka: KafkaSettings) -> Any:
    """Value of Faust's broker_credentials; None for plain text."""
    import faust  # noqa: PLC0415 - heavy, and only the worker needs it
    from faust.types.auth import AuthProtocol, SASLMechanism  # noqa: PLC0415

    context = _tls(kafka)
    if kafka.security_protocol == "PLAINTEXT":
        return None
    if kafka.security_protocol == "SSL":
        return faust.SSLCredentials(context=context)
    password = kafka.sasl_password.get_secret_value() if kafka.sasl_password else None
    credentials = faust.SASLCredentials(
        username=kafka.sasl_username,
        password=password,
        ssl_context=context,
        mechanism=SASLMechanism(kafka.sasl_mechanism),
    )
    credentials.protocol = AuthProtocol(kafka.security_protocol)
    return credentials
