"""Whose address is it? A provider that posts a bounce knows an address, and no customer.

Kept as short hashes: 8 bytes of BLAKE2b for an address, so some 150 bytes of memory for each customer with one, and
nothing from which an address could be read. An address that a customer has had stays theirs, since mail to it is still
on its way back.
"""

from __future__ import annotations

import hashlib

from service.domain.events import Erasure, Merge, Profile, Withdrawal


class Addresses:
    """Of all customers, as `customers` has told them."""

    def __init__(self) -> None:
        self._of: dict[bytes, str | tuple[str, ...]] = {}
        self._erased: set[str] = set()

    def __len__(self) -> int:
        return len(self._of)

    def take(self, event: Profile | Erasure | Merge | Withdrawal) -> None:
        if isinstance(event, Erasure):
            self._erased.add(event.customer_id)
        elif isinstance(event, Profile) and event.email:
            key, who = _key(event.email), event.customer_id
            known = self._of.get(key)
            if known is None:
                self._of[key] = who
            elif isinstance(known, tuple):
                self._of[key] = known if who in known else (*known, who)
            elif known != who:
                self._of[key] = (known, who)

    def who(self, email: str) -> tuple[str, ...]:
        """Everybody who has it, or has had it; a family may share one."""
        found = self._of.get(_key(email), ())
        return tuple(one for one in ((found,) if isinstance(found, str) else found) if one not in self._erased)


def _key(email: str) -> bytes:
    return hashlib.blake2b(email.strip().lower().encode(errors="replace"), digest_size=8).digest()
