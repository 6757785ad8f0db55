"""The customer's newest 3 orders with an order_id, packed into 19 bytes each: what an answer about an order is joined
to."""

from __future__ import annotations

from typing import Final

import xxhash

_KEPT_ORDERS: Final = 3
_TIME_BYTES: Final = 7
_AMOUNT_BYTES: Final = 6
_HASH_BYTES: Final = 6
_HASH_AT: Final = _TIME_BYTES + _AMOUNT_BYTES
_ORDER_BYTES: Final = _HASH_AT + _HASH_BYTES
_ORDERS_BYTES: Final = _KEPT_ORDERS * _ORDER_BYTES
_ORDER_SEED: Final = 4
_digest = xxhash.xxh3_64_digest


def order_hash(order_id: str) -> bytes:
    """What stands for an order_id in the memory: six bytes."""
    return _digest(order_id.encode(), _ORDER_SEED)[:_HASH_BYTES]


def remember_order(memory: bytes | None, order_id: str, at_us: int, amount_minor: int) -> bytes | None:
    """The memory of the newest 3 orders with one more: per order 19 bytes (time, amount, hash of the id), ascending.

    Of several orders with one id the earliest counts, at the same instant the smaller one. One dated before 1970 or of
    2^48 minor units and more is not remembered. On the hot path: the newest order is appended.
    """
    digest = order_hash(order_id)
    try:
        order = at_us.to_bytes(_TIME_BYTES, "big") + amount_minor.to_bytes(_AMOUNT_BYTES, "big") + digest
    except OverflowError:
        return memory
    if memory is None:
        return order
    if digest in memory or order < memory[-_ORDER_BYTES:]:
        return _inserted(memory, order)
    return (memory + order)[-_ORDERS_BYTES:]


def _inserted(memory: bytes, order: bytes) -> bytes:
    """For an order that is known already or not the newest; or whose hash is found across two orders, by chance."""
    orders = [memory[start : start + _ORDER_BYTES] for start in range(0, len(memory), _ORDER_BYTES)]
    for index, known in enumerate(orders):
        if known[_HASH_AT:] == order[_HASH_AT:]:
            orders[index] = min(known, order)
            break
    else:
        orders.append(order)
    orders.sort()
    return b"".join(orders[-_KEPT_ORDERS:])


def remembered_orders(memory: bytes | None) -> list[tuple[int, int, bytes]]:
    """(time in µs, amount in minor units, hash of the id) of the orders in memory, ascending."""
    if memory is None:
        return []
    return [
        (
            int.from_bytes(memory[start : start + _TIME_BYTES], "big"),
            int.from_bytes(memory[start + _TIME_BYTES : start + _HASH_AT], "big"),
            memory[start + _HASH_AT : start + _ORDER_BYTES],
        )
        for start in range(0, len(memory), _ORDER_BYTES)
    ]
