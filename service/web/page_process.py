"""The page's own process, seen from the worker: started, asked by, started again.

Whatever the network does to the page costs the worker nothing: HTTP, templates and the topics of the numbers are the
page's. What only the worker knows it is asked for over a local socket (wire.py). A thread of the worker listens there,
for it has to answer also while the worker waits for a broker; what is asked is put together in the worker's own loop,
a bit at a time, and takes at most a fiftieth of its time however often it is asked for. So a worker that stands still
is seen: it does not answer.

The page ends with the worker, for the socket is closed then. A page that ends is started again, with growing pauses;
the worker goes on.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import structlog
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder

import service
from service.config import Settings, child_environment
from service.streaming.metrics import Metrics
from service.streaming.worker import Worker
from service.web.port import address_of
from service.web.waiting import waiting_facts
from service.web.wire import END, Answer, Ask, Frames, Question, framed, question_of
from service.web.worker_view import WorkerFacts

PAGE_PID_VARIABLE: Final = "CHURN_ALERT_PAGE_PID"
"""A worker that replaces itself by a new one leaves its page behind, as a child of the new one."""
_MODULE: Final = "service.commands.page"
_PATIENCE_S: Final = 1.0
"""A broker that is there answers sooner, and nobody has to be told that it is away."""
_SHARE: Final = 0.02
"""Of the worker's time at most, for whatever the page asks."""
_LONGEST_REST_S: Final = 2.0
_BIT_S: Final = 0.002
"""Of the worker's loop at a time."""
_ANSWER_S: Final = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _HEALTHY_AFTER_S = 0.5, 30.0, 60.0
_GOODBYE_S: Final = 2.5
"""The page finishes what it was asked; the worker itself has to be gone within ten seconds."""

log = structlog.get_logger()


class PageProcess:
    """Starts with `start`, ends with `stop`."""

    def __init__(
        self, settings: Settings, listener: socket.socket, metrics: Metrics, away_since_s: float = 0.0
    ) -> None:
        """`away_since_s`: when the broker was lost; 0 = it may be there."""
        self._settings = settings
        self._listener = listener
        self._metrics = metrics
        self._away_since_s = away_since_s
        self._refused = ""
        self._born_s = time.monotonic()
        self._worker: tuple[asyncio.AbstractEventLoop, WorkerFacts] | None = None
        self._stopping = threading.Event()
        self._bell, self._ringer = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        self.pid: int | None = None
        """Of the page's process; None between two lives."""

    @contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self.stop()

    def stop(self) -> None:
        self.leave()
        self._thread.join(_GOODBYE_S + 1.0)
        self._listener.close()

    def waits(self, refused: str) -> None:
        """While the process waits for a broker: why that one does not let it in; empty: none answers."""
        self._refused = refused

    def leave(self) -> None:
        """Asks the page to end, and returns."""
        self._stopping.set()
        with suppress(OSError):
            self._ringer.send(b"!")

    async def serve(self, worker: Worker) -> None:
        """Lets the page ask this worker, until cancelled."""
        facts = WorkerFacts(worker)
        self._metrics.broker(0.0)
        self._worker = (asyncio.get_running_loop(), facts)
        log.info("page and metrics", address=address_of(self._listener))
        try:
            await facts.run()
        finally:
            self._worker = None
            self.leave()

    # ---- the life of the process

    def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._stopping.is_set():
            began_s = time.monotonic()
            code = self._one_life()
            if self._stopping.is_set():
                return
            if time.monotonic() - began_s > _HEALTHY_AFTER_S:
                pause_s = _FIRST_PAUSE_S
            self._metrics.page_restarted()
            log.error("the page's process has ended; it is started again", code=code, pause_s=pause_s)
            self._stopping.wait(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, 2.0 * pause_s)

    def _one_life(self) -> int:
        """Returns its exit code."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                child = subprocess.Popen(
                    [sys.executable, "-P", "-m", _MODULE, str(self._listener.fileno()), str(theirs.fileno())],
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                    pass_fds=(self._listener.fileno(), theirs.fileno()),
                )
            self.pid = child.pid
            os.environ[PAGE_PID_VARIABLE] = str(child.pid)
            try:
                self._answer_all(ours)
            except OSError:
                pass  # it has gone
            finally:
                self.pid = None
        try:
            return child.wait(_GOODBYE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()
        finally:
            os.environ.pop(PAGE_PID_VARIABLE, None)

    def _environment(self) -> dict[str, str]:
        """These settings, and this source: the page is of the same package, wherever the worker was started."""
        ours = str(Path(service.__path__[0]).parent)
        others = os.environ.get("PYTHONPATH")
        return child_environment(self._settings, os.environ) | {
            "PYTHONPATH": ours + (os.pathsep + others if others else "")
        }

    # ---- what it asks

    def _answer_all(self, line: socket.socket) -> None:
        """Until the page has gone, or has been told to go."""
        frames, waiting, rest_until_s = Frames(), list[Question](), 0.0
        while True:
            now_s = time.monotonic()
            timeout_s = max(0.0, rest_until_s - now_s) if waiting else None
            readable, _, _ = select.select([line, self._bell], [], [], timeout_s)
            if self._stopping.is_set():
                self._say_goodbye(line)
                return
            if line in readable:
                data = line.recv(65_536)
                if not data:
                    return
                for question in map(question_of, frames.take(data)):
                    if question.ask is Ask.LIFE:
                        self._answer(line, question)
                    else:
                        waiting.append(question)
            if waiting and time.monotonic() >= rest_until_s:
                spent_s = self._answer(line, waiting.pop(0))
                rest_until_s = time.monotonic() + min(_LONGEST_REST_S, spent_s / _SHARE)

    def _say_goodbye(self, line: socket.socket) -> None:
        """Returns when the page has closed its end, or is late."""
        line.sendall(framed(END))
        line.settimeout(_GOODBYE_S)
        with suppress(TimeoutError):
            while line.recv(65_536):
                pass

    def _answer(self, line: socket.socket, question: Question) -> float:
        """Returns how many seconds it has taken from the worker; without an answer, if it does not give one."""
        worker = self._worker
        if worker is None:
            line.sendall(framed(self._without_worker(question)))
            return 0.0
        loop, facts = worker
        work = self._put_together(question, facts)
        try:
            future = asyncio.run_coroutine_threadsafe(work, loop)
        except RuntimeError:  # the loop is closed: the worker ends
            work.close()
            line.sendall(framed(Answer(question.number, given_up=True)))
            return 0.0
        try:
            answer, spent_s = future.result(_ANSWER_S)
        except (FutureTimeoutError, CancelledError):
            future.cancel()
            line.sendall(framed(Answer(question.number, given_up=True)))
            return 0.0
        line.sendall(framed(answer))
        return spent_s

    async def _put_together(self, question: Question, facts: WorkerFacts) -> tuple[Answer, float]:
        """In the worker's loop. Also how long it took."""
        clock_s = time.perf_counter
        began_s = clock_s()
        match question.ask:
            case Ask.LIFE:
                return Answer(question.number), 0.0
            case Ask.FACTS:
                answer = Answer(question.number, facts=facts.told())
                return answer, clock_s() - began_s
            case Ask.PERSON:
                answer = Answer(question.number, person=facts.person(question.about))
                return answer, clock_s() - began_s
            case Ask.COMING:
                bits, spent_s = facts.coming(), 0.0
                while True:
                    try:
                        next(bits)
                    except StopIteration as end:
                        return Answer(question.number, coming=end.value), spent_s + clock_s() - began_s
                    if clock_s() - began_s > _BIT_S:
                        spent_s += clock_s() - began_s
                        await asyncio.sleep(0)
                        began_s = clock_s()
            case Ask.METRICS:
                encode, content_type = choose_encoder(question.accept)
                foot = encode(_Few([]))  # what stands behind the last family
                parts, few, spent_s = list[bytes](), _Few([]), 0.0
                for family in self._metrics.registry.collect():
                    few.families = [family]
                    parts.append(encode(few).removesuffix(foot))
                    if clock_s() - began_s > _BIT_S:
                        spent_s += clock_s() - began_s
                        await asyncio.sleep(0)
                        began_s = clock_s()
                answer = Answer(question.number, metrics=b"".join([*parts, foot]), content_type=content_type)
                return answer, spent_s + clock_s() - began_s

    def _without_worker(self, question: Question) -> Answer:
        """While the process waits for a broker."""
        long = time.monotonic() - self._born_s > _PATIENCE_S
        since_s = (self._away_since_s or time.time() - (time.monotonic() - self._born_s)) if long else 0.0
        if long and not self._away_since_s:
            self._away_since_s = since_s
        if self._worker is None and not self._stopping.is_set():
            self._metrics.broker(since_s)
        match question.ask:
            case Ask.LIFE | Ask.PERSON | Ask.COMING:
                return Answer(question.number)
            case Ask.FACTS:
                return Answer(question.number, facts=waiting_facts(since_s, self._refused))
            case Ask.METRICS:
                encode, content_type = choose_encoder(question.accept)
                return Answer(question.number, metrics=encode(self._metrics.registry), content_type=content_type)


class _Few:
    """Some families, for an encoder that takes a registry."""

    def __init__(self, families: list[Metric]) -> None:
        self.families = families

    def collect(self) -> list[Metric]:
        return self.families


def let_go_of_the_former() -> None:
    """Waits for the page of the process that this one has replaced, which holds the port: it ends by itself."""
    pid = int(os.environ.pop(PAGE_PID_VARIABLE, "0"))
    if not pid:
        return
    deadline_s = time.monotonic() + _GOODBYE_S
    with suppress(ChildProcessError, ProcessLookupError):
        while os.waitpid(pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline_s:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return
            time.sleep(0.01)
