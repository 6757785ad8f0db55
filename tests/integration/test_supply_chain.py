"""What is installed can be listed for others, and held against what is known of its weaknesses."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from tests.support.lock import read

ROOT = Path(__file__).parents[2]
ENVIRONMENT = Path(sys.executable).parents[1]
WEAK = "jinja2"


def test_what_is_run_is_listed_as_the_lock_has_it_and_without_a_network(tmp_path: Path) -> None:
    file = tmp_path / "dist" / "sbom.json"

    subprocess.run([ROOT / ".ci" / "offline", ROOT / "lock" / "sbom", ENVIRONMENT, file], check=True, timeout=300)

    told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.6")
    assert told["metadata"]["component"]["name"] == "churn-alert"
    listed = {(canonicalize_name(each["name"]), each["version"]) for each in told["components"]}
    locked = {(each.name, each.version) for each in read("run.txt")}
    assert listed == locked
    for each in told["components"]:
        assert each["purl"].startswith("pkg:pypi/")
        assert any(reference.get("hashes") for reference in each["externalReferences"]), each["name"]


@contextmanager
def database(weak: str | None) -> Iterator[tuple[str, list[str]]]:
    """A stand-in for a public one, which knows of one weakness at most; its address, and what it was asked about."""
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = question["package"]["name"]
            asked.append(name)
            known = {
                "id": "PYSEC-2026-1",
                "modified": "2026-01-01T00:00:00Z",
                "details": "It can be made to do what it should not.",
                "affected": [
                    {
                        "package": {"name": name, "ecosystem": "PyPI"},
                        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99"}]}],
                        "versions": [question["version"]],
                    }
                ],
            }
            answer = json.dumps({"vulns": [known]} if name == weak else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def audit(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "lock" / "audit", ENVIRONMENT, *options], capture_output=True, text=True, check=False, timeout=600
    )


@pytest.mark.parametrize(("weak", "code"), [(None, 0), (WEAK, 1)])
def test_every_version_is_asked_about_and_a_known_weakness_fails_the_audit(weak: str | None, code: int) -> None:
    with database(weak) as (address, asked):
        done = audit("--vulnerability-service", "osv", "--osv-url", address)

    assert done.returncode == code, done.stdout + done.stderr
    locked = {each.name for name in ("all.txt", "build.txt") for each in read(name)}
    assert {canonicalize_name(name) for name in asked} <= locked
    here = {each.name for name in ("all.txt", "build.txt") for each in read(name) if each.suits({})}
    assert here <= {canonicalize_name(name) for name in asked}
    assert ("PYSEC-2026-1" in done.stdout) == (code == 1)


def test_where_nobody_answers_it_says_so_and_is_told_from_a_weakness() -> None:
    done = audit("--vulnerability-service", "osv", "--osv-url", "http://127.0.0.1:1", "--timeout", "2")

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "error: nobody could be asked, so nothing was learned: the audit needs the network."
    )
    assert "Traceback" not in done.stderr
