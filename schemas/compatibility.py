"""Would a consumer that was written against the old schema of an output still work with the new one?

The new output may say less than the old one allowed, never more. Breaking is: a field removed or no longer always
present, a type or range widened, a bound or pattern dropped or moved outwards, a constant changed, the item type of a
list changed.

Enum values: adding one is breaking too, except at the places in `OPEN_ENUMS`, whose consumers are told to expect new
values. A consumer that switches over all kinds has no branch for a new one, and the failure is silent; so it must be a
deliberate step (a new baseline), not an accident. Reason codes are plain strings and grow freely.

Not breaking: a new field (consumers ignore unknown ones), an enum value or a type dropped, a bound tightened,
descriptions.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

Schema = dict[str, Any]

OPEN_ENUMS: Final = frozenset({"data.kind"})
"""Places where values may be added: the outreach kinds are switches of the policy, and more will come."""

_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_EXACT: Final = ("pattern", "format")


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """One sentence per change that would break a consumer of `old`; empty = compatible."""
    return _Comparison(old, new).compare(old, new, "")


class _Comparison:
    """Two documents, whose `$ref`s are followed. The wire models are trees, so the walk ends."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old, self._new = old, new

    def compare(self, old: Schema, new: Schema, at: str) -> list[str]:
        old, new = _resolve(old, self._old), _resolve(new, self._new)
        if "anyOf" in old or "anyOf" in new:
            return self._alternatives(old, new, at)
        if _types(old) and (not _types(new) or not _types(new) <= _types(old)):
            return [f"{_name(at)}: type changed from {_list(_types(old))} to {_list(_types(new)) or 'anything'}"]
        own = _values(old, new, at) + _bounds(old, new, at)
        return own + self._fields(old, new, at) + self._elements(old, new, at)

    def _alternatives(self, old: Schema, new: Schema, at: str) -> list[str]:
        """Each thing the new one may be must be something the old one could be."""
        found: list[str] = []
        before = old.get("anyOf", [old])
        for option in new.get("anyOf", [new]):
            problems = [self.compare(candidate, option, at) for candidate in before]
            if all(problems):
                closest: list[str] = min(problems, key=len)  # what differs least is what it was
                found += closest
        return found

    def _fields(self, old: Schema, new: Schema, at: str) -> list[str]:
        found = []
        required = set(new.get("required", ()))
        for name, schema in old.get("properties", {}).items():
            path = f"{at}.{name}" if at else name
            if name not in new.get("properties", {}):
                found.append(f"{path}: field removed")
                continue
            if name in old.get("required", ()) and name not in required:
                found.append(f"{path}: no longer always present")
            found += self.compare(schema, new["properties"][name], path)
        return found

    def _elements(self, old: Schema, new: Schema, at: str) -> list[str]:
        if "items" not in old:
            return []
        if "items" not in new:
            return [f"{_name(at)}: list elements may be anything"]
        return self.compare(old["items"], new["items"], f"{at}[]")


def _values(old: Schema, new: Schema, at: str) -> list[str]:
    allowed = _allowed(old)
    if allowed is None:
        return []
    now = _allowed(new)
    if now is None:
        return [f"{_name(at)}: no longer one of {_list(allowed)}"]
    added = [value for value in now if value not in allowed]
    if not added or (at in OPEN_ENUMS and all(value in now for value in allowed)):
        return []
    if "const" in old:
        return [f"{_name(at)}: constant changed from {_list(allowed)} to {_list(now)}"]
    return [f"{_name(at)}: value added: {_list(added)}"]


def _bounds(old: Schema, new: Schema, at: str) -> list[str]:
    def sentences(words: tuple[str, ...], verb: str, outwards: Callable[[Any, Any], bool]) -> list[str]:
        return [
            f"{_name(at)}: {word} {verb} from {old[word]} to {new.get(word, 'none')}"
            for word in words
            if word in old and (word not in new or outwards(new[word], old[word]))
        ]

    return (
        sentences(_LOWER, "lowered", operator.lt)
        + sentences(_UPPER, "raised", operator.gt)
        + sentences(_EXACT, "changed", operator.ne)
    )


def _allowed(schema: Schema) -> list[object] | None:
    if "const" in schema:
        return [schema["const"]]
    return schema.get("enum")


def _types(schema: Schema) -> set[str]:
    """JSON types; `number` covers `integer`, so integer → number is a widening and the reverse is none."""
    declared = schema.get("type", ())
    types = {declared} if isinstance(declared, str) else set(declared)
    return types | {"integer"} if "number" in types else types


def _resolve(schema: Schema, root: Schema) -> Schema:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    target: Schema = root["$defs"][reference.rsplit("/", 1)[1]]
    return target


def _name(at: str) -> str:
    return at or "the event"


def _list(values: list[object] | set[str]) -> str:
    return ", ".join(sorted(str(value) for value in values))
