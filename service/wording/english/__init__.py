"""English, which has no rules of its own beside those of its locales."""

from service.wording.english.page import PAGE
from service.wording.english.people import PEOPLE
from service.wording.english.post import POST
from service.wording.english.report import REPORT
from service.wording.english.sentences import SENTENCES
from service.wording.english.subjects import SUBJECTS, ordinal
from service.wording.language import Language

LANGUAGE = Language(
    code="en",
    name="English",
    page=PAGE,
    report=REPORT,
    people=PEOPLE,
    post=POST,
    sentences=SENTENCES,
    subjects=SUBJECTS,
    ordinal=ordinal,
    nameless="Customer {customer_id}",
)
