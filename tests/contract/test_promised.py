"""What the interface names and no code does: promised, not yet built. Nobody should think that it works.

Each list is exact: who builds one of these takes it out here, and who names something new without building it adds it,
or leaves it out of the interface.
"""

from __future__ import annotations

import ast
from pathlib import Path

import msgspec
from pydantic import BaseModel

from schemas import inputs
from service.domain.events import Erasure, Item, Merge, Profile, Purchase, Resolved, SurveyAnswer
from service.domain.findings import Kind, Outcome, Reason
from tests.support.syntax import attributes

SERVICE = Path(__file__).parents[2] / "service"

KINDS_NOBODY_SENDS: set[Kind] = set()
"""They have sentences in every language, and no rule that decides upon them."""
KEPT_AND_NOT_READ: set[str] = set()
"""Of a customer's profile."""
TAKEN_AND_NOT_KEPT = {
    inputs.Purchase: {"channel", "store_id"},
    inputs.ItemLine: {"amount", "category", "quantity"},
    inputs.SurveyAnswer: {"comment"},
}
"""Fields of the inputs that are checked, so that they may be used one day, and go no further."""


def members_used(enum: str, under: Path) -> set[str]:
    """`X` of every `Enum.X` in the sources."""
    return {node.attr for _, node in attributes(under) if isinstance(node.value, ast.Name) and node.value.id == enum}


def fields(*structs: type[msgspec.Struct]) -> set[str]:
    return {name for struct in structs for name in struct.__struct_fields__}


def test_kinds_that_nobody_sends() -> None:
    sent = members_used("Kind", SERVICE / "domain")

    assert {kind for kind in Kind if kind.name not in sent} == KINDS_NOBODY_SENDS


def test_outcomes_and_reasons_that_nobody_has() -> None:
    outcomes, reasons = members_used("Outcome", SERVICE), members_used("Reason", SERVICE / "domain")

    assert {outcome for outcome in Outcome if outcome.name not in outcomes} == set()
    assert {reason for reason in Reason if reason.name not in reasons} == set()


def test_what_is_kept_of_a_profile_and_read_by_nobody() -> None:
    read = {node.attr for _, node in attributes(SERVICE) if ast.unparse(node.value).split(".")[-1] == "profile"}
    kept = set(Profile.__struct_fields__) - {"event_id", "customer_id", "at_us", "marketing_consent", "alike"}

    assert {"first_name", "reachable_email"} <= read
    kept -= {"email", "bounced", "bounces_lifted"}  # of which reachable_email is made
    kept -= {"complained", "outreach_id"}  # of a message: the deliverer's memory has them
    kept -= {"profiling"}  # a word of its own, beside the profile: Customer.objects
    assert kept - read == KEPT_AND_NOT_READ


def test_fields_of_the_inputs_that_go_no_further() -> None:
    becomes: dict[type[BaseModel], set[str]] = {
        inputs.Purchase: fields(Purchase) | {"occurred_at", "amount", "currency", "kind"},
        inputs.ItemLine: fields(Item),
        inputs.SurveyAnswer: fields(SurveyAnswer) | {"occurred_at", "kind"},
        inputs.SurveyEvent: fields(SurveyAnswer, Resolved) | {"occurred_at", "kind", "comment"},
        inputs.CustomerEvent: fields(Profile, Erasure, Merge)
        | {"occurred_at", "kind", "contact", "bounce", "complaint"},
        inputs.Contact: fields(Profile),
    }
    dropped = {model: set(model.model_fields) - known for model, known in becomes.items()}

    assert {model: names for model, names in dropped.items() if names} == TAKEN_AND_NOT_KEPT
