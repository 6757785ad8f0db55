"""Certificates and keys of the settings: a file that cannot be used is named, with what is wrong with it."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from service.config import KafkaSettings, Settings
from service.connection.security import faust_credentials, kafka_python_security
from service.connection.tls import tls_context
from service.errors import ConfigurationError

PASSWORD = "of-the-key"  # noqa: S105


@dataclass(frozen=True)
class Files:
    """What a company hands out."""

    ca: Path
    certificate: Path
    key: Path
    encrypted: Path
    other_key: Path
    both: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    ours, other = authority.issue_cert("worker.cafe.example"), authority.issue_cert("other.cafe.example")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    ours.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    ours.private_key_pem.write_to_path(folder / "key.pem")
    other.private_key_pem.write_to_path(folder / "other.pem")
    ours.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    key = load_pem_private_key(ours.private_key_pem.bytes(), None)
    (folder / "encrypted.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode()))
    )
    names = ("ca", "cert", "key", "encrypted", "other", "both")
    return Files(*(folder / f"{name}.pem" for name in names))


def settings(**given: Any) -> KafkaSettings:
    return KafkaSettings(security_protocol="SSL", **given)


def test_names_and_authorities_are_checked_whatever_is_set(files: Files) -> None:
    for given in ({}, {"ssl_cafile": files.ca}, {"ssl_cafile": files.ca, "ssl_certfile": files.both}):
        context = tls_context(settings(**given))

        assert context is not None
        assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_an_own_authority_stands_alone(files: Files) -> None:
    context = tls_context(settings(ssl_cafile=files.ca))

    assert context is not None
    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize(
    "given",
    [
        lambda files: {"ssl_certfile": files.certificate, "ssl_keyfile": files.key},
        lambda files: {"ssl_certfile": files.both},
        lambda files: {"ssl_certfile": files.certificate, "ssl_keyfile": files.encrypted, "ssl_key_password": PASSWORD},
    ],
    ids=["apart", "in one file", "encrypted"],
)
def test_our_certificate_is_shown(given: Callable[[Files], dict[str, Any]], files: Files) -> None:
    assert tls_context(settings(**given(files))) is not None


@pytest.mark.parametrize(
    ("given", "setting", "why"),
    [
        (lambda f: {"ssl_cafile": f.ca.parent / "missing.pem"}, "ssl_cafile", "No such file"),
        (lambda f: {"ssl_cafile": f.ca.parent}, "ssl_cafile", "Is a directory"),
        (lambda f: {"ssl_cafile": f.key}, "ssl_cafile", "no certificate in PEM format"),
        (lambda f: {"ssl_certfile": f.ca.parent / "missing.pem"}, "ssl_certfile", "No such file"),
        (lambda f: {"ssl_certfile": f.key, "ssl_keyfile": f.key}, "ssl_certfile", "no certificate in PEM format"),
        (lambda f: {"ssl_certfile": f.certificate}, "ssl_certfile", "no private key"),
        (lambda f: {"ssl_certfile": f.certificate, "ssl_keyfile": f.ca}, "ssl_keyfile", "no private key"),
        (lambda f: {"ssl_certfile": f.certificate, "ssl_keyfile": f.other_key}, "ssl_keyfile", "not that of the cert"),
        (
            lambda f: {"ssl_certfile": f.certificate, "ssl_keyfile": f.encrypted},
            "ssl_keyfile",
            "set kafka.ssl_key_pass",
        ),
        (
            lambda f: {"ssl_certfile": f.certificate, "ssl_keyfile": f.encrypted, "ssl_key_password": "wrong"},
            "ssl_keyfile",
            "cannot be decrypted",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(
    given: Callable[[Files], dict[str, Any]], setting: str, why: str, files: Files
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        tls_context(settings(**given(files)))

    assert str(refused.value).startswith(f"kafka.{setting} '")
    assert why in str(refused.value)


def test_a_java_keystore_is_told_how_to_be_exported(tmp_path: Path) -> None:
    (tmp_path / "store.jks").write_bytes(b"\xfe\xed\xfe\xed\x00\x00\x00\x02")

    with pytest.raises(ConfigurationError, match="keytool -exportcert"):
        tls_context(settings(ssl_cafile=tmp_path / "store.jks"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ssl_cafile": "/ca.pem"}, "ssl_cafile is set, and security_protocol PLAINTEXT is without TLS"),
        ({"security_protocol": "SSL", "ssl_keyfile": "/key.pem"}, "name that in ssl_certfile"),
        ({"security_protocol": "SASL_SSL"}, "needs sasl_username and sasl_password"),
        ({"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", "sasl_username": "u"}, "needs sasl_username and"),
        ({"security_protocol": "SASL_PLAINTEXT", "sasl_username": "u", "sasl_password": "p"}, "password readable"),
        ({"security_protocol": "SASL_SSL", "sasl_mechanism": "GSSAPI"}, "kafka.sasl_mechanism"),
        ({"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER"}, "needs one source of tokens"),
        (
            {"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER", "oauth_token_url": "https://l.example/t"},
            "needs oauth_client_id and oauth_client_secret",
        ),
        (
            {
                "security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER", "oauth_token_url": "http://l.example/t",
                "oauth_client_id": "c", "oauth_client_secret": "s",
            },
            "without TLS would send the secret readable",
        ),
        ({"oauth_token_url": "ftp://x"}, "kafka.oauth_token_url"),
        ({"oauth_extensions": {"auth": "x"}}, "kafka.oauth_extensions"),
        ({"oauth_aws_region": "eu west"}, "kafka.oauth_aws_region"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Settings().changed(kafka=given)

    assert said in str(refused.value)
    assert str(refused.value).startswith("kafka")


def test_a_name_for_scram_is_written_as_its_protocol_wants_it() -> None:
    login = {"security_protocol": "SASL_SSL", "sasl_username": "shop=1,two", "sasl_password": "p"}

    assert kafka_python_security(KafkaSettings(**login))["sasl_plain_username"] == "shop=3D1=2Ctwo"
    plain = kafka_python_security(KafkaSettings(**login, sasl_mechanism="PLAIN"))
    assert plain["sasl_plain_username"] == "shop=1,two"


def test_a_password_in_a_file_is_read_again_for_every_client(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first\n")
    kafka = KafkaSettings(security_protocol="SASL_SSL", sasl_username="shop", sasl_password_file=file)
    assert kafka_python_security(kafka)["sasl_plain_password"] == "first"  # noqa: S105

    file.write_text("second\n")
    assert kafka_python_security(kafka)["sasl_plain_password"] == "second"  # noqa: S105
    assert faust_credentials(kafka).password == "second"  # noqa: S105

    file.unlink()
    assert kafka_python_security(kafka)["sasl_plain_password"] == "first", "as at the start"  # noqa: S105
