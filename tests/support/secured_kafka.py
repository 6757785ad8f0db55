"""A local Kafka that asks who comes: one listener in plain text for the test itself, one with mutual TLS, one with TLS
and a login by SCRAM, PLAIN or OAUTHBEARER (whose tokens nobody signs, as Kafka takes them for tests)."""

from __future__ import annotations

import base64
import json
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from service.connection.admin import open_admin
from tests.support.formatted import QuicklyFormatted
from tests.support.processes import free_port

USER: Final = "churn-alert"
PASSWORD: Final = "known-to-both-sides"  # noqa: S105
HOST: Final = "localhost"
"""The only name in the broker's certificate: 127.0.0.1 is another."""
_LOGIN: Final = "org.apache.kafka.common.security"


@dataclass(frozen=True)
class Papers:
    """Files of certificates and keys, as a company hands them out."""

    ca: Path
    broker: Path
    """Certificate and key, as Kafka reads them."""
    ours: Path
    our_key: Path
    stranger_ca: Path
    stranger: Path
    """Signed by an authority that the broker does not trust; with its key."""

    def renew(self) -> None:
        """The broker has another certificate from its next start on, of an authority that nobody knew; `ca` holds that
        one beside the former, which has signed ours."""
        authority = trustme.CA()
        _write_for_broker(self.broker, authority)
        self.ca.write_bytes(self.ca.read_bytes() + authority.cert_pem.bytes())


def papers_in(folder: Path) -> Papers:
    authority, other = trustme.CA(), trustme.CA()
    papers = Papers(*(folder / f"{name}.pem" for name in ("ca", "broker", "ours", "key", "other-ca", "other")))
    authority.cert_pem.write_to_path(papers.ca)
    other.cert_pem.write_to_path(papers.stranger_ca)
    ours = authority.issue_cert("churn-alert.cafe.example")
    _write_for_broker(papers.broker, authority)
    ours.cert_chain_pems[0].write_to_path(papers.ours)
    ours.private_key_pem.write_to_path(papers.our_key)
    other.issue_cert("churn-alert.cafe.example").private_key_and_cert_chain_pem.write_to_path(papers.stranger)
    return papers


def _write_for_broker(file: Path, authority: trustme.CA) -> None:
    """A certificate of that authority."""
    issued = authority.issue_cert(HOST)
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + issued.cert_chain_pems[0].bytes()
    )


class SecuredKafka(QuicklyFormatted):
    """`bootstrap_servers` is the listener in plain text; `mtls` and `sasl` are the others."""

    def __init__(self, papers: Papers, login_lasts_ms: int = 0) -> None:
        """`login_lasts_ms`: after which the broker cuts off whoever has not logged in anew, over the same line; 0 =
        never."""
        super().__init__()
        self.papers, self._login_lasts_ms = papers, login_lasts_ms
        self._ports, self._more = (free_port(), free_port()), (free_port(), free_port())

    @property
    def mtls(self) -> str:
        return f"{HOST}:{self._more[0]}"

    @property
    def sasl(self) -> str:
        return f"{HOST}:{self._more[1]}"

    def know(self, password: str) -> None:
        """The user's password from now on."""
        with closing(open_admin(self.bootstrap_servers)) as admin:
            for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
                done = admin.alter_user_scram_credentials([UserScramCredentialUpsertion(USER, mechanism, password)])
                assert done == {USER: None}

    def _properties(self, home: Path) -> dict[str, str]:
        properties, papers = super()._properties(home), self.papers
        own = f"MTLS://{self.mtls},LOGIN://{self.sasl}"
        mechanisms = {
            "plain": f'{_LOGIN}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
            "scram-sha-256": f"{_LOGIN}.scram.ScramLoginModule required;",
            "scram-sha-512": f"{_LOGIN}.scram.ScramLoginModule required;",
            "oauthbearer": f'{_LOGIN}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="b";',
        }
        return {
            **properties,
            "listeners": f"{properties['listeners']},{own}",
            "advertised.listeners": f"{properties['advertised.listeners']},{own}",
            "listener.security.protocol.map": (
                f"{properties['listener.security.protocol.map']},MTLS:SSL,LOGIN:SASL_SSL"
            ),
            "inter.broker.listener.name": "PLAINTEXT",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(papers.broker),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(papers.ca),
            "listener.name.mtls.ssl.client.auth": "required",
            "connections.max.reauth.ms": str(self._login_lasts_ms),
            "listener.name.login.sasl.enabled.mechanisms": ",".join(name.upper() for name in mechanisms),
            **{f"listener.name.login.{name}.sasl.jaas.config": module for name, module in mechanisms.items()},
        }


def by_login(kafka: SecuredKafka, **given: Any) -> dict[str, Any]:
    """Settings of `kafka` for the listener with a login."""
    return {
        "bootstrap_servers": kafka.sasl,
        "security_protocol": "SASL_SSL",
        "sasl_username": USER,
        "sasl_password": PASSWORD,
        "ssl_cafile": kafka.papers.ca,
        **given,
    }


def by_certificate(kafka: SecuredKafka, **given: Any) -> dict[str, Any]:
    """Settings of `kafka` for the listener with mutual TLS."""
    return {
        "bootstrap_servers": kafka.mtls,
        "security_protocol": "SSL",
        "ssl_cafile": kafka.papers.ca,
        "ssl_certfile": kafka.papers.ours,
        "ssl_keyfile": kafka.papers.our_key,
        **given,
    }


def unsigned_token(lives_s: float = 3_600) -> str:
    """A JSON web token without a signature."""
    now_s = int(time.time())
    parts = ({"alg": "none"}, {"sub": USER, "iat": now_s - 60, "exp": int(now_s + lives_s)})
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in parts), ""])
