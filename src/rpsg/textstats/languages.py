"""Recognizes the language of a text by its script and its function words, without a trained model.

It is meant for whole texts, and gives no answer if it is not certain, as for a line of key words, for names,
or for a language that it does not know. So it can find a corpus in the wrong language, and drop a text in
another one.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from rpsg.textstats.words import words

if TYPE_CHECKING:
    from collections.abc import Iterable

#: English names of languages by their ISO 639 code.
NAMES = {
    "ar": "Arabic",
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fi": "Finnish",
    "fr": "French",
    "he": "Hebrew",
    "hi": "Hindi",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "sv": "Swedish",
    "th": "Thai",
    "tr": "Turkish",
    "zh": "Chinese",
}
#: Codes that are treated as English: an unknown language, and English itself.
ENGLISH = frozenset({"", "en"})
_WORDS = {
    "de": "der die das und ist nicht mit ein eine einen dem den sich auf für von zu im auch bei nach aus"
    " wird war sind wurde noch keine kein ich sie er es aber seit wir bitte zum zur über hat haben"
    " oder wie unter",
    "en": "the and is of to in that it was for on with as he she his her are this be at not have from"
    " they you but had my i were has an which their been no more so we if or by",
    "es": "el la los las de y que en un una es no con por para del se su al lo como más pero sus le ya"
    " fue este muy sin sobre me mi está son también hay",
    "fr": "le la les de des et est un une dans que qui pas pour sur avec ce cette il elle au du en ne je"
    " nous vous mais très plus par sont été j'ai c'est n'est être aux ont",
    "it": "il la le gli di e che è un una per non con del della sono in si da al anche ma come più ho mi"
    " questo nel alla molto dei",
    "nl": "de het een en van is dat niet met op te voor zijn aan er ik maar ook als bij naar uit was"
    " wordt heeft deze nog geen",
    "pt": "o a os as de e que em um uma não com por para do da no na se mais mas como foi ao dos das"
    " muito é são também eu já",
}
_FUNCTION_WORDS = {code: frozenset(line.split()) for code, line in _WORDS.items()}
#: Scripts that one of the languages above has to itself; Japanese is tested before Chinese.
_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("zh", re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")),
    ("ko", re.compile(r"[\uac00-\ud7af\u1100-\u11ff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
)
_LETTER = re.compile(r"[^\W\d_]")
#: For a text to be in a language: the minimum number of function words of that language, and the minimum
#: ratio of this number to that of any other language.
LEAST, LEAD = 4, 1.5
#: A text is in a script if this share of its letters belongs to the script; Japanese mixes two scripts.
SHARE = 0.3


def name_of(code: str) -> str:
    """The English name of a language; the code itself if it has none here."""
    return NAMES.get(code, code)


def language_of(text: str) -> str:
    """The ISO 639 code of the language of a text; empty if it is not certain."""
    if not text.isascii():
        letters = len(_LETTER.findall(text))
        for code, script in _SCRIPTS:
            if len(script.findall(text)) > SHARE * letters:
                return code
    said = Counter(word.replace("\u2019", "'") for word in words(text))
    found = {
        code: sum(count for word, count in said.items() if word in known)
        for code, known in _FUNCTION_WORDS.items()
    }
    first, second = sorted(found, key=lambda code: -found[code])[:2]
    return first if found[first] >= max(LEAST, LEAD * found[second]) else ""


def is_in_another(language: str, text: str) -> bool:
    """Whether a text is in a language other than this one; False if its language is not certain."""
    return language_of(text) not in {"", language}


def languages_of(texts: Iterable[str]) -> dict[str, int]:
    """The number of texts in each language, commonest first; empty if no language is certain.

    Texts whose language is not certain, because they are short or in a language without a list here, are not
    counted. So compute shares from the sum of these numbers, not from the number of all texts.
    """
    counted = Counter(filter(None, map(language_of, texts)))
    return dict(counted.most_common())
