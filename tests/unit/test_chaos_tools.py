"""The tools of the schedules: a seed gives one schedule, nothing undoes another thing, links do as they are told."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from tests.chaos.__main__ import PARTS, PROOF, of_part
from tests.chaos.kinds import KINDS
from tests.chaos.schedule import drawn, named
from tests.chaos.world import COMPARED, LEAST_DECISIONS, Outcome
from tests.support.checker import Report
from tests.support.proxy import HOST, Proxy, State


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while piece := self.request.recv(1_000):
            self.request.sendall(piece)


@pytest.fixture
def echo() -> Iterator[int]:
    with socketserver.ThreadingTCPServer((HOST, 0), _Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_schedule_follows_from_its_seed() -> None:
    assert drawn(7, 60.0, KINDS) == drawn(7, 60.0, KINDS)
    assert drawn(7, 60.0, KINDS) != drawn(8, 60.0, KINDS)
    assert str(drawn(7, 60.0, KINDS)).startswith("schedule 7, 60 s:")


@pytest.mark.parametrize(("decisions", "proves"), [(LEAST_DECISIONS - 1, False), (LEAST_DECISIONS, True)])
def test_a_schedule_in_which_hardly_anything_was_decided_proves_nothing(decisions: int, proves: bool) -> None:
    outcome = Outcome(drawn(7, 60.0, KINDS), Report(dict.fromkeys(COMPARED, 1) | {"decisions": decisions}))

    with nullcontext() if proves else pytest.raises(AssertionError, match="fewer than"):
        outcome.assert_compared()


@pytest.mark.parametrize("seed", range(5))
def test_nobody_disturbs_what_another_one_holds(seed: int) -> None:
    until: dict[str, float] = {}
    for at_s, name, what in drawn(seed, 300.0, KINDS).steps:
        for held in KINDS[name].holds(what):
            assert until.get(held, 0.0) <= at_s, f"{name} of {what.target} at {at_s}"
            until[held] = at_s + what.lasts_s


def test_every_kind_comes_and_the_named_schedule_holds_what_it_says() -> None:
    steps = [step.kind for seed in range(10) for step in drawn(seed, 100.0, KINDS).steps]
    proof = [step.kind for step in named(1, PROOF, KINDS, 1.0).steps]

    assert set(steps) == set(KINDS)
    assert {name: proof.count(name) for name in PROOF} == PROOF
    assert {name: sum(of_part(part)[name] for part in range(PARTS)) for name in PROOF} == PROOF


def test_a_link_can_be_slowed_silenced_and_cut(echo: int) -> None:
    with Proxy({"a": echo, "b": echo}) as proxy, socket.create_connection((HOST, proxy.ports["a"]), 5) as one:
        one.sendall(b"hello")
        assert one.recv(10) == b"hello"

        proxy.tell(["a"], delay_s=0.1)
        began_s = time.monotonic()
        one.sendall(b"slow")
        assert one.recv(10) == b"slow"
        assert time.monotonic() - began_s > 0.19

        proxy.tell(["a"], State.SILENT)
        one.sendall(b"later")
        one.settimeout(0.2)
        with pytest.raises(TimeoutError):
            one.recv(10)
        with socket.create_connection((HOST, proxy.ports["b"]), 5) as other:
            other.sendall(b"not this one")
            assert other.recv(20) == b"not this one"
        proxy.tell(["a"])
        one.settimeout(5)
        assert one.recv(10) == b"later"

        proxy.tell(["a"], State.ANSWERLESS)
        one.sendall(b"heard")
        one.settimeout(0.2)
        with pytest.raises(TimeoutError):
            one.recv(10)

        proxy.tell(["a"], State.CUT)
        one.settimeout(5)
        with pytest.raises(ConnectionError):
            one.recv(10)
