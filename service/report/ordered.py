"""Lines that become known in one order and are to be written in another, without all of them in memory."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from tempfile import SpooledTemporaryFile
from typing import Any

_IN_MEMORY = 16 << 20


def in_order(rows: Iterable[tuple[Sequence[float], Sequence[Any]]], in_memory: int = _IN_MEMORY) -> Iterator[bytes]:
    """CSV lines of the rows, sorted by their keys, of which all are of one length; equal ones stay as they came.

    Costs 12 bytes of memory a row and 8 for each number of its key, and as much again while they are sorted; beyond
    `in_memory` bytes the lines lie on a disk.
    """
    keys: list[array[float]] = []
    places, sizes = array("Q"), array("I")
    with SpooledTemporaryFile(max_size=in_memory) as file:
        buffer, end = StringIO(), 0
        writer = csv.writer(buffer, lineterminator="\n")
        for key, row in rows:
            if not keys:
                keys = [array("d") for _ in key]
            for column, number in zip(keys, key, strict=True):
                column.append(number)
            writer.writerow(row)
            line = buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
            file.write(line)
            places.append(end)
            sizes.append(len(line))
            end += len(line)
        order = list(range(len(places)))
        for column in reversed(keys):
            order.sort(key=column.__getitem__)
        for index in order:
            file.seek(places[index])
            yield file.read(sizes[index])
