"""What a broker answers to who asks for the members of a consumer group, without a broker."""

from __future__ import annotations

from service.streaming.membership import Member


class GroupAnswers:
    """One answer after the other, the last for ever; how long was slept between, what was said, and who was taken
    out."""

    def __init__(self, *answers: list[Member] | Exception) -> None:
        self._answers = list(answers)
        self.slept_s = 0.0
        self.said: list[str] = []
        self.taken_out: list[Member] = []

    def next_answer(self) -> list[Member]:
        answer = self._answers[0] if len(self._answers) == 1 else self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
