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
_REFUSED: Final = {
    401: "Token missing or wrong.",
    403: "No token is configured that opens it, or the given one does not.",
    404: "There is no such customer.",
    429: "Too many wrong tokens, or too many requests.",
    503: "It is not known yet; ask again in a moment.",
}
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


def documented(model: Any, *left_out: str) -> dict[str, Any]:
    """The JSON Schema of one item, from the wire contract."""
    schema: dict[str, Any] = model.model_json_schema()
    for name in left_out:
        del schema["properties"][name]
    schema["required"] = [name for name in schema.get("required", []) if name not in left_out]
    return schema


def listing(name: str, item: dict[str, Any], **beside: object) -> dict[int | str, dict[str, Any]]:
    """The good answer that holds a list."""
    return answer_of({**beside, name: {"type": "array", "items": item}})


def answer_of(properties: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """The good answer: an object, all of whose properties are there."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {200: {"content": {"application/json": {"schema": schema}}}}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How a route may refuse."""
    return {status: {"description": _REFUSED[status]} for status in statuses}
