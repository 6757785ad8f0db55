"""A page is written by hand but for its regions: what stands between two comments is made from the code."""

from __future__ import annotations

import re
from typing import Final

_REGION: Final = re.compile(r"(<!-- (?:made by [^:\n]+): ([a-z-]+) -->\n)(.*?)(<!-- end of \2 -->)", re.DOTALL)


def region(page: str, name: str) -> str:
    """What stands there. Raises ValueError where the page has no such region."""
    for _, found, content, _ in _REGION.findall(page):
        if found == name:
            return str(content).strip("\n")
    raise ValueError(f"the page has no region {name}")


def regions(page: str) -> list[str]:
    """Names of the regions of a page, in their order."""
    return [str(name) for _, name, _, _ in _REGION.findall(page)]


def filled(page: str, name: str, content: str) -> str:
    """The page with that content in that region. Raises ValueError where it has none."""
    region(page, name)
    lines = content.strip("\n")
    return _REGION.sub(lambda found: f"{found[1]}\n{lines}\n\n{found[4]}" if found[2] == name else found[0], page)


def table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """As Markdown has it; what would end a cell is escaped."""
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in lines)
