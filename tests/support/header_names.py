"""kafka-python reads records whose headers have names that are no text: what is none becomes U+FFFD.

As it is, one such record ends whoever reads the log. Import this before a consumer is made."""

from __future__ import annotations

import inspect
import textwrap
from typing import Final

from kafka.record import default_records

_STRICT: Final = '.decode("utf-8")'


def _read_any_name() -> None:
    batch = default_records.DefaultRecordBatch
    source = textwrap.dedent(inspect.getsource(batch._read_msg))
    assert source.count(_STRICT) == 1, "kafka-python reads headers otherwise"
    made: dict[str, object] = {}
    exec(source.replace(_STRICT, '.decode("utf-8", "replace")'), vars(default_records), made)  # noqa: S102
    batch._read_msg = made["_read_msg"]


def is_text(name: str) -> bool:
    """Whether a header's name was UTF-8."""
    return "\ufffd" not in name


_read_any_name()
