"""The API lives by its own description: whatever it allows is asked, and each answer has the form that it promises."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.streaming.metrics import Metrics
from service.web.app import create_app
from service.web.recent import read_decision
from tests.support.examples import examples
from tests.support.made_up_people import SIGNED, a_few, coming_of_tonight, decision
from tests.support.made_up_shop import SETTINGS, FakeFacts

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


LEAST = 15
"""Operations that the description has at least."""
ASKED = settings(
    max_examples=examples(8),
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def api() -> Any:
    """Made for these tests alone: it takes seconds, and every process of the tests reads this file."""
    people = a_few()
    people.ahead = coming_of_tonight()
    facts = FakeFacts(decided=[read_decision(decision("c-1", days)) for days in (1.0, 2.0)])
    app = create_app(SETTINGS.changed(web={"token_failures": 1_000_000}), Metrics().registry, facts, people=people)
    return schemathesis.openapi.from_asgi("/openapi.json", app)


def test_every_answer_has_the_form_that_is_described(api: Any) -> None:
    operations = [found.ok() for found in api.get_all_operations()]

    for operation in operations:

        @ASKED
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            case.call_and_validate(headers=SIGNED, checks=CHECKS)

        ask()
    assert len(operations) > LEAST


def test_nobody_is_asked_about_in_vain(api: Any) -> None:
    """Ids that schemathesis makes up are nobody's: the answers about somebody are held to the description as well."""
    for path in ("/api/v1/customers/{customer_id}", "/api/v1/customers/{customer_id}/export"):
        case = api[path]["GET"].Case(path_parameters={"customer_id": "c-1"})
        response = case.call_and_validate(headers=SIGNED, checks=CHECKS)

        assert response.status_code == 200
