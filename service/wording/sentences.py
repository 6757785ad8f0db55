"""One sentence for a person: why this customer is written to. Each language tells it in its own `sentences.py`."""

from __future__ import annotations

from service.domain.findings import Evidence, Kind
from service.errors import FatalError
from service.wording.language import Language
from service.wording.languages import DEFAULT
from service.wording.subjects import called


class MissingSentenceError(FatalError):
    """A kind of message was decided of which a language knows no sentence: its table `SENTENCES` lacks a line."""

    def __init__(self, kind: Kind, language: Language) -> None:
        super().__init__(f"No sentence is written for the kind of message {kind.value!r} in {language.name}.")
        self.kind = kind
        self.language = language


def sentence(kind: Kind, evidence: Evidence, customer_id: str, language: Language = DEFAULT) -> str:
    """The reason in `language`, from the same numbers that the decision rests on, of a customer who is called as in the
    message: who has no name that a person could write goes by their id.

    A share of silences is that of customers with a rhythm of the same kind (`learning/silences.py`), because a single
    customer has too few silences for a share of their own. Raises MissingSentenceError for a kind that the language has
    no sentence for.
    """
    told = language.sentences.get(kind)
    if told is None:
        raise MissingSentenceError(kind, language)
    return told(evidence, called(evidence.first_name) or language.nameless.format(customer_id=customer_id))
