"""Which column of a survey's export asks which question, and the score that an answer in words or numbers is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from schemas.scales import SCALES
from service.history.digits import in_our_digits

ASKED: Final = {
    "nps": re.compile(
        r"recommend|recommand|weiterempf|empfehl|recomend|recomiend|consigli|aanbev|raccomand|poleci|rekommender|anbefal|suosittel|tavsiye"
        r"|рекоменд|doporuč|odporuč|ajánl|推荐|推薦|すすめ|勧め|추천|(^|[^a-z])e?nps([^a-z]|$)|likelihood"
    ),
    "csat": re.compile(
        r"satisf|zufrieden|satisfait|soddisf|tevreden|zadowol|nöjd|tilfreds|fornøyd|tyytyväi|memnun|удовлетвор|довол[еь]н|spokojen|elégedett"
        r"|满意|滿意|満足|만족|csat"
    ),
    "ces": re.compile(
        r"effort|how easy|made it easy|easy (was|is|for|to)|(was|is) easy|easier|facile|facilit|fácil|einfach|aufwand|makkelijk|kolay|легко|snadn"
        r"|(^|[^a-z])ces([^a-z]|$)"
    ),
}  # fmt: skip
"""What the question of each survey says, in small letters."""
_WORDS: Final[dict[str, dict[int, str]]] = {
    "nps": {
        0: """not at all likely|not likely at all|very unlikely|extremely unlikely|pas du tout probable|très improbable
           |überhaupt nicht wahrscheinlich|sehr unwahrscheinlich|äußerst unwahrscheinlich|nada probable|muy improbable
           |per niente probabile|molto improbabile|zeer onwaarschijnlijk|heel onwaarschijnlijk|nada provável|muito improvável
           |совсем не вероятно|bardzo nieprawdopodobne""",
        10: """extremely likely|very likely|très probable|extrêmement probable|äußerst wahrscheinlich|sehr wahrscheinlich
            |muy probable|extremadamente probable|molto probabile|estremamente probabile|zeer waarschijnlijk|heel waarschijnlijk
            |muito provável|extremamente provável|очень вероятно|bardzo prawdopodobne""",
    },
    "csat": {
        1: """very dissatisfied|very unsatisfied|extremely dissatisfied|completely dissatisfied|very unhappy|very poor|terrible|awful
           |très insatisfait|très insatisfaite|pas du tout satisfait|pas du tout satisfaite|pas satisfait du tout|sehr unzufrieden
           |überhaupt nicht zufrieden|gar nicht zufrieden|muy insatisfecho|muy insatisfecha|nada satisfecho|nada satisfecha
           |molto insoddisfatto|molto insoddisfatta|per niente soddisfatto|per nulla soddisfatto|zeer ontevreden|heel ontevreden
           |helemaal niet tevreden|muito insatisfeito|muito insatisfeita|nada satisfeito|bardzo niezadowolony|bardzo niezadowolona
           |mycket missnöjd|meget utilfreds|svært misfornøyd|erittäin tyytymätön|очень недоволен|совсем не доволен|çok memnuniyetsiz
           |velmi nespokojen|velmi nespokojený|非常不满意|非常不満|大変不満|매우 불만족|😡|😠|😭|😢|☹️☹️|1️⃣""",
        2: """dissatisfied|unsatisfied|somewhat dissatisfied|rather dissatisfied|unhappy|poor|bad|insatisfait|insatisfaite|plutôt insatisfait
           |plutôt insatisfaite|peu satisfait|peu satisfaite|unzufrieden|eher unzufrieden|weniger zufrieden|insatisfecho|insatisfecha
           |poco satisfecho|poco satisfecha|insoddisfatto|insoddisfatta|poco soddisfatto|poco soddisfatta|ontevreden|insatisfeito|insatisfeita
           |pouco satisfeito|niezadowolony|niezadowolona|missnöjd|utilfreds|misfornøyd|tyytymätön|недоволен|memnuniyetsiz|nespokojen
           |nespokojený|不满意|不満|やや不満|불만족|🙁|☹|☹️|😟|😞|😕|2️⃣""",
        3: """neutral|neither satisfied nor dissatisfied|neither|ok|okay|average|fair|neutre|ni satisfait ni insatisfait
           |ni satisfaite ni insatisfaite|teils/teils|teils teils|teils-teils|weder noch|weder zufrieden noch unzufrieden|mittelmäßig
           |ni satisfecho ni insatisfecho|ni satisfecha ni insatisfecha|neutro|neutra|né soddisfatto né insoddisfatto|neutraal
           |niet tevreden en niet ontevreden|nem satisfeito nem insatisfeito|neutralny|neutralnie|varken nöjd eller missnöjd|hverken eller
           |нейтрально|ne memnun ne memnuniyetsiz|neutrální|一般|普通|どちらでもない|보통|😐|😑|3️⃣""",
        4: """satisfied|somewhat satisfied|rather satisfied|happy|good|satisfait|satisfaite|plutôt satisfait|plutôt satisfaite|zufrieden
           |eher zufrieden|satisfecho|satisfecha|algo satisfecho|soddisfatto|soddisfatta|abbastanza soddisfatto|abbastanza soddisfatta|tevreden
           |satisfeito|satisfeita|zadowolony|zadowolona|nöjd|tilfreds|fornøyd|tyytyväinen|доволен|memnun|spokojen|spokojený|满意|満足|やや満足
           |만족|🙂|☺|☺️|4️⃣""",
        5: """very satisfied|extremely satisfied|completely satisfied|very happy|very good|excellent|great|très satisfait|très satisfaite
           |tout à fait satisfait|sehr zufrieden|äußerst zufrieden|muy satisfecho|muy satisfecha|totalmente satisfecho|molto soddisfatto
           |molto soddisfatta|zeer tevreden|heel tevreden|muito satisfeito|muito satisfeita|bardzo zadowolony|bardzo zadowolona|mycket nöjd
           |meget tilfreds|svært fornøyd|erittäin tyytyväinen|очень доволен|çok memnun|velmi spokojen|velmi spokojený|非常满意|非常に満足
           |大変満足|とても満足|매우 만족|😀|😃|😄|😁|😊|😍|🤩|5️⃣""",
    },
    "ces": {
        1: """strongly disagree|extremely difficult|stimme überhaupt nicht zu|pas du tout d'accord|muy en desacuerdo|totalmente en desacuerdo
           |fortemente in disaccordo|helemaal mee oneens|discordo totalmente|sehr schwierig|très difficile|muy difícil|molto difficile
           |heel moeilijk|zeer moeilijk|muito difícil""",
        2: """disagree|very difficult|stimme nicht zu|pas d'accord|en desacuerdo|in disaccordo|mee oneens|oneens|discordo|schwierig
           |difficile|difícil|moeilijk""",
        3: """somewhat disagree|difficult|somewhat difficult|stimme eher nicht zu|plutôt pas d'accord|algo en desacuerdo|eher schwierig
           |plutôt difficile""",
        4: """neither agree nor disagree|neutral|undecided|neither easy nor difficult|weder noch|teils/teils|teils teils|ni d'accord ni pas d'accord
           |neutre|ni de acuerdo ni en desacuerdo|neutro|né d'accordo né in disaccordo|neutraal|noch eens noch oneens""",
        5: """somewhat agree|somewhat easy|stimme eher zu|plutôt d'accord|algo de acuerdo|abbastanza d'accordo|eher einfach|plutôt facile""",
        6: """agree|easy|stimme zu|d'accord|de acuerdo|d'accordo|mee eens|eens|concordo|einfach|facile|fácil|makkelijk|gemakkelijk""",
        7: """strongly agree|very easy|extremely easy|stimme voll zu|stimme voll und ganz zu|tout à fait d'accord|muy de acuerdo
           |totalmente de acuerdo|fortemente d'accordo|helemaal mee eens|concordo totalmente|sehr einfach|très facile|muy fácil|molto facile
           |heel makkelijk|zeer makkelijk|muito fácil""",
    },
}
_LABELS: Final[dict[str, dict[str, int]]] = {
    survey: {
        " ".join(word.split()): score for score, words in scale.items() for word in words.split("|") if word.strip()
    }
    for survey, scale in _WORDS.items()
}
"""Scales in words, low to high; a label that ends a scale of numbers stands for its last number."""
_NUMBER: Final = re.compile(r"^\W*(\d{1,3})(?:[.,]0+)?(?!\d)|(?<![\d.,])(\d{1,3})\W*$", re.ASCII)
_SAID: Final = re.compile(r"(\d{1,2})\s*[=:\-–(]+\s*([^\W\d][^\d,;/=()]*)")
"""1 = very satisfied."""
_ENDING: Final = re.compile(r"\((?:e|a|o|/a|/e)\)|[/·](?:a|e|o)\b|[.!]+$")
"""Of the other gender: satisfait(e), satisfecho/a."""
_FULL_STARS: Final = "\u2605\u2b50\U0001f31f"
_STARS: Final = re.compile(rf"[{_FULL_STARS}\u2606\ufe0f ]+")
_OTHER_SCALE: Final = re.compile(r"(?<!\d)([01])\s*(?:-|\u2013|to|bis|à|a|tot|until|\.\.+|/)\s*(\d{1,3})(?!\d)")
"""(1-10) in a question."""
_SCHOOL: Final = re.compile(r"schulnote|schulgrade|school grade|note scolaire|klausurnote")
"""Grades whose lowest is the best."""
_SHARE: Final = 0.9


def score_of(survey: str, text: str) -> int | None:
    """The score of "10 - Extremely likely", "Very satisfied" or "7"; None for what is none on the scale."""
    if not text.isascii():
        text = in_our_digits(text)
    label = _ENDING.sub("", " ".join(text.casefold().split()))
    low, high = SCALES[survey]
    number = _LABELS[survey].get(label)
    if number is None and _STARS.fullmatch(label):
        number = sum(map(label.count, _FULL_STARS))
    if number is None:
        found = _NUMBER.search(label.split("/")[0] if label.count("/") == 1 else label)
        number = int(found[1] or found[2]) if found is not None else None
    return number if number is not None and low <= number <= high else None


def is_turned_round(survey: str, text: str) -> bool:
    """Whether a number and the words beside it, in a question or an answer, say that the lowest number is the best."""
    low, high = SCALES[survey]
    if _SCHOOL.search(text.casefold()):
        return True
    for number, words in _SAID.findall(" ".join(text.casefold().split())):
        meant = _LABELS[survey].get(words.strip(" .)(:;-–"))
        if meant is not None and (2 * meant - low - high) * (2 * int(number) - low - high) < 0:
            return True
    return False


def other_scale(survey: str, question: str) -> str:
    """The scale that a question names where it is not that of the survey: "1–10"; "" where it names none."""
    low, high = SCALES[survey]
    for first, last in _OTHER_SCALE.findall(question.casefold()):
        if int(last) in {3, 4, 5, 6, 7, 10, 100} and (int(last) != high or (int(first) != low and int(last) != 10)):
            return f"{first}\u2013{last}"
    return ""


def unscored(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """What is said of a question that is known though its cells are no scores of its scale; "" = there is none."""
    for place, name in enumerate(header):
        for survey, words in ASKED.items():
            cells = [row[place].strip() for row in rows if place < len(row) and row[place].strip()]
            if cells and words.search(" ".join(name.casefold().split())):
                low, high = SCALES[survey]
                shown = ", ".join(repr(cell[:24]) for cell in dict.fromkeys(cells) if score_of(survey, cell) is None)[
                    :90
                ]
                return (
                    f" {name.strip()[:60]!r} asks for {survey}, whose scores go from {low} to {high}; what stands in it is something else "
                    f"({shown}): write the answers on that scale and give the file again."
                )
    return ""


def questions_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, int]:
    """Survey → place of the first column that asks for it, and whose cells are scores."""
    return {survey: places[0] for survey, places in all_questions_of(header, rows).items()}


def all_questions_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    """Survey → places of the columns that ask for it, and whose cells are scores."""
    found: dict[str, list[int]] = {}
    for place, name in enumerate(header):
        asked = " ".join(name.casefold().split())
        for survey, words in ASKED.items():
            if not words.search(asked):
                continue
            cells = [row[place] for row in rows if place < len(row) and row[place].strip()]
            good = sum(score_of(survey, cell) is not None for cell in cells)
            if cells and good >= _SHARE * len(cells):
                found.setdefault(survey, []).append(place)
                break
    return found
