"""How many decimals the smallest unit of a currency stands for where programs count in it: money as a whole number.

Not how amounts are shown: CLDR shows forints and pesos without decimals, and programs count them in hundredths all the
same.
"""

from __future__ import annotations

from typing import Final, Literal

SmallestUnit = Literal["iso4217", "stripe"]
"""Who says what it is: the standard, or Stripe, which departs from it for some currencies."""

_USUAL: Final = 2
_ISO_4217: Final = {
    **dict.fromkeys(
        (
            "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF",
            "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}  # fmt: skip
"""ISO 4217, list one: currencies whose minor unit is no hundredth."""
_OF_STRIPE: Final = {"ISK": 2, "UGX": 2, "MGA": 0}
"""Where Stripe counts in another unit than the standard has (its documentation on currencies, special cases)."""


def minor_decimals(currency: str, said_by: SmallestUnit = "iso4217") -> int:
    """Of an ISO 4217 code in capitals: 0 to 4, and 2 for one that is not known."""
    usual = _ISO_4217.get(currency, _USUAL)
    return _OF_STRIPE.get(currency, usual) if said_by == "stripe" else usual
