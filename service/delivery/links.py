"""Signed unsubscribe links: who may withdraw a consent is whoever got the message.

A token holds the customer's id, since the page has no other way to know it, and nothing else; but an id may be a
telephone number or an address, so it is not left readable. Synthetic initialisation vector (Rogaway & Shrimpton 2006,
"A Provable-Security Treatment of the Key-Wrap Problem") with HMAC-SHA-256 as both the signature and the key stream: the
signature of the id is at once the nonce that hides it. Tokens are the same for the same customer and do not expire: a
mail is opened years later, and the link in it must still work.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Final, NamedTuple

from pydantic import SecretStr

_BLOCK_BYTES: Final = 32
"""Of SHA-256."""
_SIGNATURE_BYTES: Final = 16
"""128 bits: nobody guesses one, however often they ask."""
_LONGEST_TOKEN: Final = 2_000
_CUSTOMER, _SAMPLE = b"c", b"s"


class Subject(NamedTuple):
    """Whom a link is about."""

    customer_id: str
    sample: bool
    """Of a marked sample: the link shows the page and changes nothing."""


class Links:
    """Makes and reads the links of one shop."""

    def __init__(self, public_url: str | None, secret: SecretStr, before: SecretStr | None = None) -> None:
        """`public_url` None: links are read here, and made elsewhere. `before`: the secret that signed until this one
        did, whose links are read as well."""
        self._url = public_url or ""
        self._before = None if before is None else Links(public_url, before)
        root = secret.get_secret_value().encode()
        self._sign_with = hmac.digest(root, b"unsubscribe signature", "sha256")
        self._hide_with = hmac.digest(root, b"unsubscribe id", "sha256")

    def url(self, customer_id: str, locale: str | None, *, sample: bool = False) -> str:
        """The link for a mail in this locale (BCP 47; None = the reader's browser says it)."""
        language = (locale or "").replace("_", "-").split("-", 1)[0].lower()
        shown = f"&lang={language}" if language.isascii() and language.isalpha() else ""
        return f"{self._url}/unsubscribe?t={self.token(customer_id, sample=sample)}{shown}"

    def token(self, customer_id: str, sample: bool = False) -> str:
        plain = (_SAMPLE if sample else _CUSTOMER) + customer_id.encode()
        signature = self._signature(plain)
        return base64.urlsafe_b64encode(signature + self._masked(plain, signature)).rstrip(b"=").decode()

    def read(self, token: str) -> Subject | None:
        """None for what is not a token of ours, letter for letter."""
        found = self._read(token)
        return self._before.read(token) if found is None and self._before is not None else found

    def _read(self, token: str) -> Subject | None:
        if len(token) > _LONGEST_TOKEN or not token.isascii():
            return None
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        signature, hidden = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        plain = self._masked(hidden, signature)
        if len(plain) < 2 or not hmac.compare_digest(signature, self._signature(plain)):
            return None
        # The last letter of base64 has spare bits: two spellings of one token are not both ours.
        subject = Subject(plain[1:].decode(), plain[:1] == _SAMPLE)
        return subject if hmac.compare_digest(token, self.token(*subject)) else None

    def _signature(self, plain: bytes) -> bytes:
        return hmac.digest(self._sign_with, plain, "sha256")[:_SIGNATURE_BYTES]

    def _masked(self, text: bytes, nonce: bytes) -> bytes:
        """Twice gives the text again."""
        stream = b"".join(
            hmac.digest(self._hide_with, nonce + number.to_bytes(4), "sha256")
            for number in range(-(-len(text) // _BLOCK_BYTES))
        )
        hidden = int.from_bytes(text) ^ int.from_bytes(stream[: len(text)])
        return hidden.to_bytes(len(text))
