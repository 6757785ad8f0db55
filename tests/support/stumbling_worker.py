"""`python -m tests.support.stumbling_worker worker …` is `churn-alert worker …` with a defect of our own: whatever is
bought by the customer STUMBLES cannot be applied."""

from __future__ import annotations

from typing import Any, Final

from service.domain.engine import Engine
from service.domain.events import Purchase

STUMBLES: Final = "stumbles"


def become() -> None:
    usual = Engine.apply

    def apply(self: Any, event: Any, wall_us: int = 0) -> None:
        if isinstance(event, Purchase) and event.customer_id == STUMBLES:
            raise ZeroDivisionError("a defect of the tests")
        usual(self, event, wall_us)

    Engine.apply = apply  # type: ignore[method-assign]


if __name__ == "__main__":
    from service.cli import main

    become()
    main()
