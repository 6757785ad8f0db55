"""Lines of a log that nobody has to wait for: a full disk and a reader who has gone or reads no more keep no process
from its work."""

from __future__ import annotations

import atexit
import json
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, TextIO

MOST_WAITING: Final = 1 << 20
"""Characters that wait for a reader: thousands of lines, so that one who is only slow loses none."""
LAST_WORDS_S: Final = 0.5
"""A process that ends waits so long for who reads its last lines; a supervisor that asked it to end kills it soon."""


class Lines:
    """Standard error of a process that goes on where it cannot write there: the disk of its log is full, or whoever
    read it has gone. What could not be written is counted, and told of when lines go through again."""

    def __init__(self, to: TextIO, *, as_json: bool) -> None:
        self._to = to
        self._as_json = as_json
        self._lost = 0
        self._beside: _Beside | None = None

    def write(self, text: str) -> int:
        if self._beside is not None:
            self._beside.put(text)
            return len(text)
        try:
            if self._lost:
                self._to.write(self._told(self._lost) + "\n")
                self._to.flush()
                self._lost = 0
            self._to.write(text)  # which writes at the end of a line, and a line as a whole: others write there too
        except (OSError, ValueError):  # ValueError: it is closed
            self._lost += 1
        return len(text)

    def never_wait(self) -> None:
        """From now on nobody waits for who reads: a pipe that is full would stop whatever the process does."""
        if self._beside is not None:
            return
        try:
            number = self._to.fileno()
        except (OSError, ValueError):  # no file, or a closed one: nobody reads it
            return
        self.flush()
        self._beside = _Beside(_Straight(number).write, self._told)
        atexit.register(self.finish)

    def finish(self, within_s: float = LAST_WORDS_S) -> None:
        """What has been said is written, as far as it is read within so many seconds."""
        self.flush()
        if self._beside is not None:
            self._beside.finish(within_s)

    def _told(self, parts: int) -> str:
        event, at = "parts of the log could not be written", datetime.now(UTC).isoformat()
        if not self._as_json:
            return f"{at} [warning  ] {event} parts={parts}"
        return json.dumps({"parts": parts, "event": event, "level": "warning", "timestamp": at})

    def flush(self) -> None:
        if self._beside is None:
            with suppress(OSError, ValueError):
                self._to.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._to, name)


class _Straight:
    """Writes to a descriptor without a lock that a process which ends would wait for."""

    def __init__(self, number: int) -> None:
        self._number = number

    def write(self, text: str) -> None:
        """Waits for whoever reads. Raises OSError."""
        left = text.encode("utf-8", errors="backslashreplace")
        while left:
            try:
                left = left[os.write(self._number, left) :]
            except BlockingIOError:  # somebody else has set the file so
                select.select([], [self._number], [])


class _Beside:
    """A thread that writes; who has something to say goes on at once. Lines beyond what may wait are counted."""

    def __init__(self, write: Callable[[str], object], told: Callable[[int], str]) -> None:
        self._write = write
        self._told = told
        self._begun, self._waiting, self._characters = "", deque[str](), 0
        self._lost, self._writes = 0, False
        self._news = threading.Condition()
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def put(self, text: str) -> None:
        with self._news:
            self._begun += text
            if not self._begun.endswith("\n"):
                return
            line, self._begun = self._begun, ""
            if self._characters + len(line) > MOST_WAITING:
                self._lost += 1
                return
            if self._lost:
                line, self._lost = f"{self._told(self._lost)}\n{line}", 0
            self._waiting.append(line)
            self._characters += len(line)
            self._news.notify_all()

    def finish(self, within_s: float) -> None:
        if self._begun:
            self.put("\n")
        with self._news:
            self._news.wait_for(lambda: not self._waiting and not self._writes, within_s)

    def _run(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: bool(self._waiting))
                line, self._writes = self._waiting[0], True
            written = self._has_written(line)
            with self._news:
                self._waiting.popleft()
                self._characters -= len(line)
                self._lost += 0 if written else line.count("\n")
                self._writes = False
                self._news.notify_all()

    def _has_written(self, line: str) -> bool:
        try:
            self._write(line)
        except (OSError, ValueError):
            return False
        return True
