"""How often anybody is written to: caps over rolling windows, all kinds of message together, and a pause after a visit
that a message brought."""

from __future__ import annotations

from typing import Final

from service.domain.calendar import DAY_US
from service.domain.customer import Customer
from service.domain.policy import OutreachPolicy
from service.domain.written_to import messages_us, returned_us


class Frequency:
    """What was withheld from the control group counts like what went out. A customer never written to costs a
    comparison."""

    def __init__(self, policy: OutreachPolicy) -> None:
        self._caps: Final = [(cap.messages, int(cap.days * DAY_US)) for cap in policy.frequency_caps]
        self._cool_down_us: Final = int(policy.cool_down_days * DAY_US)

    def cool_until_us(self, customer: Customer) -> int:
        """Up to when nothing is sent because a message has just brought a visit; 0 = none has."""
        if not customer.written_to or not self._cool_down_us:
            return 0
        back_us = returned_us(customer.written_to)
        return back_us + self._cool_down_us if back_us else 0

    def capped_until_us(self, customer: Customer, at_us: int) -> int:
        """From when on every cap allows one more message; in the past if they do at `at_us`."""
        if not customer.written_to:
            return 0
        sent, until_us = messages_us(customer.written_to), 0
        for messages, window_us in self._caps:
            if len(sent) >= messages and sent[-messages] > at_us - window_us:
                until_us = max(until_us, sent[-messages] + window_us)
        return until_us
