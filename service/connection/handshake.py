"""Asks a broker to let us in, and says in one sentence why it does not.

Both client libraries try again for ever, or end with an error that names no setting. So whoever is about to make a
client first goes the same way by hand: a TCP connection, TLS, the versions that the broker speaks, the login, and a
first question, which only those may ask who are in. It is one connection of a few milliseconds.
"""

from __future__ import annotations

import socket
import ssl
import struct
from typing import Final

from kafka.net.sasl import get_sasl_mechanism

from service.config import KafkaSettings
from service.connection.refusals import LoginRefusedError, NoBrokerError, RefusedError
from service.connection.security import kafka_python_security
from service.connection.tls import tls_context

CONNECT_S: Final = 2.0
"""For a plain TCP connection, per address."""
ANSWER_S: Final = 4.0
"""For each answer: a broker that takes longer is away."""
_VERSIONS, _METADATA, _SASL_HANDSHAKE, _SASL_AUTHENTICATE = 18, 3, 17, 36
_UNSUPPORTED_MECHANISM, _ILLEGAL_STATE, _NOT_LET_IN = 33, 34, 58
_LONGEST_ANSWER: Final = 1 << 20
_TLS_ALERT: Final = 0x15
_NO_KAFKA: Final = "gives no answer of Kafka's: is kafka.bootstrap_servers the address of a broker?"
_OTHER_NAME: Final = frozenset({62, 64})
"""X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH."""
_OUT_OF_TIME: Final = frozenset({9, 10})
"""X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED."""


_let_in: Final[dict[str, str]] = {}
"""Addresses as they are set → the one that let us in last: who starts makes several clients, and each would wait for
the same broker that is away."""


def look_in(kafka: KafkaSettings) -> str:
    """The address of a broker that lets us in: the one that did so last, else the first of them.

    Raises RefusedError where one says no, NoBrokerError where none answers, ConfigurationError where a file of the
    settings cannot be used, and TransientError where no token for the login can be had.
    """
    context = tls_context(kafka)
    refused: RefusedError | None = None
    addresses, before = (
        [each.strip() for each in kafka.bootstrap_servers.split(",")],
        _let_in.get(kafka.bootstrap_servers),
    )
    for address in sorted(addresses, key=lambda each: each != before):
        try:
            _look_in_at(kafka, address, context)
        except RefusedError as error:
            refused = error
        except OSError:
            continue
        else:
            _let_in[kafka.bootstrap_servers] = address
            return address
    raise refused or NoBrokerError(
        f"No Kafka broker answers at {kafka.bootstrap_servers}: start it, or correct kafka.bootstrap_servers "
        "and kafka.security_protocol."
    )


def _look_in_at(kafka: KafkaSettings, address: str, context: ssl.SSLContext | None) -> None:
    """Raises OSError where nobody answers."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    with socket.create_connection((host, int(port)), timeout=CONNECT_S) as plain:
        plain.settimeout(ANSWER_S)
        if context is None:
            _Talk(kafka, address, plain).enter()
            return
        try:
            tls = context.wrap_socket(plain, server_hostname=host)
        except TimeoutError:
            raise
        except OSError as error:  # ssl's errors are such
            raise RefusedError(_about_tls(kafka, address, host, error)) from error
        with tls:
            _Talk(kafka, address, tls).enter()


class _Talk:
    """Over one connection."""

    def __init__(self, kafka: KafkaSettings, address: str, line: socket.socket) -> None:
        self._kafka = kafka
        self._address = address
        self._line = line
        self._number = 0

    def enter(self) -> None:
        try:
            self._enter()
        except struct.error as error:
            raise self._refused(_NO_KAFKA) from error

    def _enter(self) -> None:
        try:
            self._ask(_VERSIONS, 0, b"")
        except TimeoutError:
            raise
        except OSError as error:
            raise self._refused(_about_the_first_answer(self._kafka, error)) from error
        if self._kafka.security_protocol.startswith("SASL"):
            try:
                self._log_in()
            except TimeoutError:
                raise
            except OSError as error:
                raise LoginRefusedError(self._told(_about_login(self._kafka, "it ends the connection"))) from error
        try:
            self._ask(_METADATA, 1, struct.pack(">i", 0))
        except TimeoutError:
            raise
        except OSError as error:
            raise self._refused(
                "lets nobody in without a login: set kafka.security_protocol to SASL_SSL, and kafka.sasl_mechanism, "
                "sasl_username and sasl_password"
            ) from error

    def _log_in(self) -> None:
        kafka, mechanism = self._kafka, self._kafka.sasl_mechanism
        code, offered = _mechanisms_of(self._ask(_SASL_HANDSHAKE, 1, _text(mechanism)))
        if code == _ILLEGAL_STATE:
            raise self._refused(
                f"asks for no login on this port, and kafka.security_protocol is {kafka.security_protocol}: name "
                "the port of its listener with SASL, or set SSL or PLAINTEXT"
            )
        if code == _UNSUPPORTED_MECHANISM or mechanism not in offered:
            raise self._refused(
                f"knows no login by {mechanism}, but by {', '.join(offered) or 'none'}: set kafka.sasl_mechanism"
            )
        steps = get_sasl_mechanism(mechanism)(**kafka_python_security(kafka), host=self._address.rpartition(":")[0])
        while not steps.is_done():
            said = steps.auth_bytes()
            code, why, answer = _outcome_of(self._ask(_SASL_AUTHENTICATE, 0, struct.pack(">i", len(said)) + said))
            if code:
                raise LoginRefusedError(self._told(_about_login(kafka, why)))
            try:
                steps.receive(answer)
            except (ValueError, KeyError) as error:
                raise self._refused("does not prove that it knows the password: is it the right broker?") from error

    def _ask(self, kind: int, version: int, body: bytes) -> bytes:
        """Raises OSError where the connection ends, TimeoutError where no answer comes."""
        self._number += 1
        request = struct.pack(">hhi", kind, version, self._number) + _text("churn-alert") + body
        self._line.sendall(struct.pack(">i", len(request)) + request)
        head = self._read(4)
        (length,) = struct.unpack(">i", head)
        if not 4 <= length <= _LONGEST_ANSWER:
            raise _NotKafkaError("speaks TLS" if head[0] == _TLS_ALERT else "is no Kafka broker")
        return self._read(length)[4:]

    def _read(self, length: int) -> bytes:
        read = bytearray()
        while len(read) < length:
            more = self._line.recv(length - len(read))
            if not more:
                raise ConnectionResetError("the connection was closed")
            read += more
        return bytes(read)

    def _refused(self, what: str) -> RefusedError:
        return RefusedError(self._told(what))

    def _told(self, what: str) -> str:
        return f"The broker at {self._address} {what}" + ("" if what.endswith("?") else ".")


class _NotKafkaError(OSError):
    """What answers speaks another language; the text says which."""


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack(">h", len(encoded)) + encoded


def _mechanisms_of(answer: bytes) -> tuple[int, list[str]]:
    """Error code, and what the broker offers."""
    code, count = struct.unpack_from(">hi", answer)
    place, names = 6, list[str]()
    for _ in range(count):
        (length,) = struct.unpack_from(">h", answer, place)
        names.append(answer[place + 2 : place + 2 + length].decode(errors="replace"))
        place += 2 + length
    return code, sorted(names)


def _outcome_of(answer: bytes) -> tuple[int, str, bytes]:
    """Error code, what the broker says, and its part of the exchange."""
    code, length = struct.unpack_from(">hh", answer)
    place = 4 + max(0, length)
    why = answer[4:place].decode(errors="replace")
    (length,) = struct.unpack_from(">i", answer, place)
    return code, why, answer[place + 4 : place + 4 + max(0, length)]


def _about_login(kafka: KafkaSettings, why: str) -> str:
    reason = f" ({' '.join(why.split())[:200].rstrip('.')})" if why else ""
    if kafka.sasl_mechanism == "OAUTHBEARER":
        return f"refuses the token{reason}: check where it comes from, whom it names and how long it is good"
    return f"refuses the login of {kafka.sasl_username!r}{reason}: check kafka.sasl_username and kafka.sasl_password"


def _about_tls(kafka: KafkaSettings, address: str, host: str, error: OSError) -> str:
    """Why there is no TLS connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        said = str(error.verify_message).rstrip(".")
        if error.verify_code in _OTHER_NAME:
            return (
                f"The broker at {address} shows a certificate for another name ({said}): write a name of the "
                f"certificate into kafka.bootstrap_servers, or give the broker one for {host}."
            )
        if error.verify_code in _OUT_OF_TIME:
            return (
                f"The certificate of the broker at {address} is out of its time ({said}): renew it, or set the clock "
                "of this machine."
            )
        cure = (
            "name the file of the authority that has signed it in kafka.ssl_cafile"
            if kafka.ssl_cafile is None
            else f"the authority that has signed it is not in kafka.ssl_cafile {str(kafka.ssl_cafile)[:200]!r}"
        )
        return f"The certificate of the broker at {address} is not trusted ({said}): {cure}."
    if _is_about_our_certificate(error):
        return f"The broker at {address} {_about_our_certificate(kafka, error)}"
    other = {"SSL": "PLAINTEXT", "SASL_SSL": "SASL_PLAINTEXT"}[kafka.security_protocol]
    return (
        f"The broker at {address} does not speak TLS on this port, and kafka.security_protocol is "
        f"{kafka.security_protocol}: name the port of its TLS listener, or set {other}."
    )


def _about_the_first_answer(kafka: KafkaSettings, error: OSError) -> str:
    """Why the first question of all is not answered; after "The broker at …"."""
    if isinstance(error, _NotKafkaError) and "TLS" not in str(error):
        return _NO_KAFKA
    if kafka.security_protocol in {"SSL", "SASL_SSL"}:
        return _about_our_certificate(kafka, error)
    other = {"PLAINTEXT": "SSL", "SASL_PLAINTEXT": "SASL_SSL"}[kafka.security_protocol]
    return (
        f"does not answer plain text on this port: set kafka.security_protocol to {other}, or name the port of its "
        "listener without TLS"
    )


def _is_about_our_certificate(error: OSError) -> bool:
    """Whether the broker says so in an alert of TLS."""
    reason = str(getattr(error, "reason", None) or "")
    return "ALERT" in reason and any(word in reason for word in ("CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE"))


def _about_our_certificate(kafka: KafkaSettings, error: OSError) -> str:
    reason = str(getattr(error, "reason", None) or "").replace("_", " ").lower()
    said = f" ({reason})" if reason else ""
    if kafka.ssl_certfile is None:
        return f"wants a certificate of ours{said}: set kafka.ssl_certfile and kafka.ssl_keyfile"
    return (
        f"refuses the certificate in kafka.ssl_certfile {str(kafka.ssl_certfile)[:200]!r}{said}: has an authority "
        "signed it that the broker trusts, and is it valid today?"
    )
