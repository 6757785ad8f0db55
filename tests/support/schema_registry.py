"""A schema registry for tests: a real HTTP server that speaks the interface, and misbehaves when it is told to."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote
from uuid import UUID

JsonObject = dict[str, Any]
HANG_S = 30.0


class SchemaRegistry:
    """Listens on a port of its own for as long as it is entered."""

    def __init__(self, login: tuple[str, str] | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._by_id: dict[int, JsonObject] = {}
        self._by_guid: dict[str, JsonObject] = {}
        self._by_subject: dict[tuple[str, int], JsonObject] = {}
        self._login = login
        self.mode = "well"
        """well, broken (500), hangs, foreign (a proxy's own 404), odd (200 and no JSON), moved (a redirect)."""
        self.asked: list[str] = []
        self.bearer: str | None = None
        self._released = threading.Event()
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry._answer(self)

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._scheme = "http"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        host = "localhost" if self._scheme == "https" else "127.0.0.1"
        return f"{self._scheme}://{host}:{self._server.server_address[1]}"

    def register(
        self, schema_id: int, schema: str, kind: str = "AVRO", references: Sequence[tuple[str, str, int]] = ()
    ) -> None:
        """`references`: (name, subject, version)."""
        body: JsonObject = {"schema": schema}
        if kind != "AVRO":
            body["schemaType"] = kind
        if references:
            body["references"] = [{"name": n, "subject": s, "version": v} for n, s, v in references]
        self._by_id[schema_id] = body

    def register_guid(self, guid: UUID, schema: str) -> None:
        self._by_guid[str(guid)] = {"schema": schema}

    def subject(self, subject: str, version: int, schema: str, references: Sequence[tuple[str, str, int]] = ()) -> None:
        """A version of a subject, which others refer to."""
        refers = [{"name": n, "subject": s, "version": v} for n, s, v in references]
        self._by_subject[subject, version] = {
            "subject": subject,
            "version": version,
            "id": 900 + version,
            "schema": schema,
            "references": refers,
        }

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        match self.mode:
            case "hangs":
                self._released.wait(HANG_S)
                return
            case "broken":
                _send(request, 500, json.dumps({"error_code": 50001, "message": "Error in the backend store"}))
                return
            case "foreign":
                _send(request, 404, "<html>Not Found</html>")
                return
            case "odd":
                _send(request, 200, "<html>Welcome</html>")
                return
            case "moved":
                request.send_response(302)
                request.send_header("Location", "http://127.0.0.1:1/")
                request.send_header("Content-Length", "0")
                request.end_headers()
                return
        if not self._lets_in(request.headers.get("Authorization") or ""):
            _send(request, 401, json.dumps({"error_code": 401, "message": "Unauthorized"}))
            return
        found = self._find(request.path.partition("?")[0])
        if found is None:
            _send(request, 404, json.dumps({"error_code": 40403, "message": "Schema not found"}))
        else:
            _send(request, 200, json.dumps(found))

    def _lets_in(self, given: str) -> bool:
        if self.bearer is not None:
            return given == f"Bearer {self.bearer}"
        if self._login is None:
            return True
        return given == "Basic " + base64.b64encode(":".join(self._login).encode()).decode()

    def _find(self, path: str) -> JsonObject | None:
        match path.strip("/").split("/"):
            case ["schemas", "ids", number]:
                return self._by_id.get(int(number))
            case ["schemas", "guids", guid]:
                return self._by_guid.get(guid)
            case ["subjects", subject, "versions", version]:
                return self._by_subject.get((unquote(subject), int(version)))
        return None


def _send(request: BaseHTTPRequestHandler, status: int, text: str) -> None:
    body = text.encode()
    request.send_response(status)
    request.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def framed(schema_id: int, content: bytes) -> bytes:
    """As a serializer with a registry writes it."""
    return b"\0" + schema_id.to_bytes(4, "big") + content
