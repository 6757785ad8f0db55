"""The files of the settings as a context of TLS: whom we trust, and what we show of ourselves."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from service.config import KafkaSettings, secret_by_now
from service.errors import ConfigurationError

_IF_KEYSTORE: Final = (
    "; export it from a Java keystore with `keytool -exportcert -rfc`, from PKCS #12 with `openssl pkcs12`"
)


def tls_context(kafka: KafkaSettings) -> ssl.SSLContext | None:
    """The names in certificates are checked, always. None where there is no TLS.

    Raises ConfigurationError, with the setting named, where a file cannot be used.
    """
    if kafka.security_protocol not in {"SSL", "SASL_SSL"}:
        return None
    context = trusting("ssl_cafile", kafka.ssl_cafile)
    if kafka.ssl_certfile is not None:
        _show_ours(context, kafka, kafka.ssl_certfile)
    return context


def trusting(setting: str, file: Path | None) -> ssl.SSLContext:
    """Whoever those authorities have signed; without a file, those that the system trusts.

    Raises ConfigurationError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which checks names
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if file is None:
        context.load_default_certs()
        return context
    _readable(setting, file)
    try:
        context.load_verify_locations(cafile=str(file))
    except OSError as error:  # SSLError is one
        raise _unusable(setting, file, f"it holds no certificate in PEM format{_IF_KEYSTORE}") from error
    return context


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
        return secret_by_now(kafka.ssl_key_password, kafka.ssl_key_password_file)

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
