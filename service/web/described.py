"""The OpenAPI 3.1 document of the API. The one in `docs/` is renewed by `python -m tests.support.openapi`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI

_PROBLEM: Final = {
    "type": "object",
    "description": "RFC 9457.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "Why, in one sentence."},
    },
    "required": ["type", "title", "status", "detail"],
}
_API: Final = "/api/"
"""Probes answer their own way."""
_OF_FASTAPI: Final = ("HTTPValidationError", "ValidationError")
"""How it would describe a wrong parameter, which here is a problem like every other refusal."""


class DescribedApp(FastAPI):
    """An application whose description says how it refuses."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = _with_problems(super().openapi())
        return self.openapi_schema


def _with_problems(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _OF_FASTAPI:
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    answer = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status == "422":
                    response["description"] = "A parameter is wrong; which one is said."
                if int(status) >= HTTPStatus.BAD_REQUEST and path.startswith(_API):
                    response["content"] = answer
    return document
