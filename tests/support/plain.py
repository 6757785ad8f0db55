"""Text that a library has written, as tests compare it: which space and which dash it takes changes from one version to
the next."""

from __future__ import annotations

import re

_RANGE = re.compile("\\s*[\u2012-\u2015]\\s*")
"""Figure dash, en dash, em dash and horizontal bar. The hyphen and the minus say something else."""


def plain(text: str) -> str:
    """Every run of spaces is one common space, every dash an en dash without spaces: « 3 – 9 Jul » reads as « 3–9 Jul
    ».

    For what was written and for what is looked for in it.
    """
    return re.sub(r"\s+", " ", _RANGE.sub("–", text))
