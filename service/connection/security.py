"""The security settings in the words of the two client libraries."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Final

from service.config import KafkaSettings
from service.errors import ConfigurationError


def tls_context(kafka: KafkaSettings) -> ssl.SSLContext | None:
    """The names in certificates are checked, always. None where there is no TLS.

    Raises ConfigurationError, with the setting named, where a file cannot be used.
    """
    if kafka.security_protocol not in {"SSL", "SASL_SSL"}:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # with the name checked; authorities are below
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if kafka.ssl_cafile is None:
        context.load_default_certs()
    else:
        _readable("ssl_cafile", kafka.ssl_cafile)
        try:
            context.load_verify_locations(cafile=str(kafka.ssl_cafile))
        except OSError as error:  # SSLError is one
            raise _unusable(
                "ssl_cafile", kafka.ssl_cafile, f"it holds no certificate in PEM format{_IF_KEYSTORE}"
            ) from error
    if kafka.ssl_certfile is not None:
        _show_ours(context, kafka, kafka.ssl_certfile)
    return context


_IF_KEYSTORE: Final = (
    "; export it from a Java keystore with `keytool -exportcert -rfc`, from PKCS #12 with `openssl pkcs12`"
)


def _show_ours(context: ssl.SSLContext, kafka: KafkaSettings, certificate: Path) -> None:
    """Our certificate and its key into the context."""
    key, asked = kafka.ssl_keyfile or certificate, list[bool]()
    key_setting = "ssl_certfile" if kafka.ssl_keyfile is None else "ssl_keyfile"
    _readable("ssl_certfile", certificate)
    _readable(key_setting, key)
    if "BEGIN CERTIFICATE" not in _text_of(certificate):
        raise _unusable("ssl_certfile", certificate, f"it holds no certificate in PEM format{_IF_KEYSTORE}")
    if "PRIVATE KEY" not in _text_of(key):
        raise _unusable(key_setting, key, f"it holds no private key in PEM format{_IF_KEYSTORE}")

    def password() -> str:  # without it OpenSSL would ask on the terminal
        asked.append(True)
        return kafka.ssl_key_password.get_secret_value() if kafka.ssl_key_password is not None else ""

    try:
        context.load_cert_chain(str(certificate), None if kafka.ssl_keyfile is None else str(key), password)
    except OSError as error:
        if asked:
            wrong = (
                "is encrypted: set kafka.ssl_key_password"
                if kafka.ssl_key_password is None
                else ("cannot be decrypted with kafka.ssl_key_password")
            )
            raise _unusable(key_setting, key, f"its key {wrong}") from error
        if "MISMATCH" in str(getattr(error, "reason", "")):
            raise _unusable(key_setting, key, "its key is not that of the certificate in kafka.ssl_certfile") from error
        raise _unusable(
            "ssl_certfile", certificate, f"certificate or key is damaged ({error.strerror or error})"
        ) from error
    except ValueError as error:  # a password of more than a kilobyte
        raise _unusable(key_setting, key, "kafka.ssl_key_password is too long") from error


def _readable(setting: str, file: Path) -> None:
    try:
        with file.open("rb"):
            pass
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no name of a file"
        raise _unusable(setting, file, f"{why}") from error


def _text_of(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(1 << 20).decode("ascii", errors="replace")


def _unusable(setting: str, file: Path, why: str) -> ConfigurationError:
    return ConfigurationError(f"kafka.{setting} {str(file)[:200]!r} cannot be used: {why}.")


def aiokafka_security(kafka: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments for aiokafka's clients."""
    arguments: dict[str, Any] = {"security_protocol": kafka.security_protocol, "ssl_context": tls_context(kafka)}
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

    context = tls_context(kafka)
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


def check_files(kafka: KafkaSettings) -> None:
    """Raises ConfigurationError, with the setting named, where a file for the connection cannot be used."""
    tls_context(kafka)
