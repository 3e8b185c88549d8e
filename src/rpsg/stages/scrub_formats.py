"""Formats of identifiers in German, French, Spanish and Chinese texts, which ``scrub`` does not know.

They are used only for texts that are not in English.
Numbers of seven digits or more, IBANs, e-mail addresses and links are found by ``scrub`` in any language.
"""

from __future__ import annotations

import re
from functools import partial

from rpsg.textstats.words import composed

_CAPITAL = "[A-Z\u00c0-\u00d6\u00d8-\u00de\u0152\u0160\u017d]"
_WORD = rf"{_CAPITAL}[\w'\u2019-]{{1,40}}"
_PARTICLES = (
    r"(?:(?:von|vom|zu|zur|van|der|den|de|del|de la|de los|du|des|di|da|le|la|el|al|bin)\s{1,3}){0,3}"
)
_INITIALS = rf"(?:{_CAPITAL}\.[ \t]{{0,3}}){{0,3}}"
#: In German every noun has a capital, so that only one word after a title is surely a name.
_SURNAME = rf"{_INITIALS}{_PARTICLES}{_WORD}"
_NAME = rf"{_SURNAME}(?:[ \t]{{1,3}}{_PARTICLES}{_WORD})?"
#: What follows a title or "Frau" and names nobody.
_NOBODY = (
    r"(?:Doktor|Doktorin|Professor|Professorin|Dra?|Prof|Kolleg(?:e|in)|Patient(?:in)?|Docteur|Professeur"
    r"|Doctora?|Profesora?|Chef[a-z\u00e4]{0,12}|Ober[a-z\u00e4]{1,12})\b"
)
#: The replacement and the pattern of each format; only the first group is replaced, if there is one.
FORMATS: tuple[tuple[str, re.Pattern[str]], ...] = (
    # 030/123456, 0 30 / 12 34 56, (0171) 12-34 56; and short ones after "Tel."
    (
        "[NUMBER]",
        re.compile(r"(?<![\w./])\(?0[\d ]{1,6}\)?\s?/\s?\d(?:[ -]?\d){4,10}(?![\w/])"),
    ),
    (
        "[NUMBER]",
        re.compile(
            r"\b(?:Tel|Telefon|Fax|Mobil|Handy|Durchwahl|DW|T\u00e9l|T\u00e9l\u00e9phone|Portable|Poste"
            r"|Tel\u00e9fono|Tfno|M\u00f3vil)\b[.:\s]{1,3}(?:Nr\.?\s|n\u00b0\s?)?"
            r"(\+?\d(?:[ ./()-]{0,2}\d){2,14})"
        ),
    ),
    # in the full-width digits of East Asia; Chinese identity cards
    (
        "[NUMBER]",
        re.compile(r"[\uff10-\uff19](?:[\s\uff08\uff09\uff0d\u2212\u30fc-]{0,2}[\uff10-\uff19]){6,}"),
    ),
    ("[ID]", re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)")),
    # German pensions; the French number of a person from Corsica; Spanish DNI, NIE and NUSS
    ("[ID]", re.compile(r"(?<!\w)\d{2} ?\d{6} ?[A-Z] ?\d{3}(?!\w)")),
    ("[ID]", re.compile(r"(?<!\w)[12] ?\d{2} ?\d{2} ?2[AB] ?\d{3} ?\d{3}(?: ?\d{2})?(?!\w)")),
    ("[ID]", re.compile(r"(?<!\w)\d{1,2}\.?\d{3}\.?\d{3}[ -]?[A-HJ-NP-TV-Z](?!\w)")),
    ("[ID]", re.compile(r"(?<!\w)[XYZ][ -]?\d{7}[ -]?[A-Z](?!\w)")),
    ("[ID]", re.compile(r"(?<![\w/])\d{2}/\d{7,8}/\d{2}(?![\w/])")),
    # German identity cards; the Swiss number of a firm
    ("[ID]", re.compile(r"(?<!\w)[LMNPRTVWXY](?=[A-Z0-9]*\d)[CFGHJKLMNPRTVWXYZ0-9]{8}\d?(?!\w)")),
    ("[ID]", re.compile(r"(?<!\w)CHE[- ]?\d{3}\.?\d{3}\.?\d{3}(?!\w)")),
    (
        "[ID]",
        re.compile(
            r"\b(?:Steuer-?(?:ID|Nr)|St\.?-?Nr|IdNr|Vers\.?-?Nr|Pat\.?-?Nr)\b[.:\s]{1,3}(\d[\d /-]{3,16}\d)"
        ),
    ),
    # plates: B-AB 1234, AB-123-CD
    (
        "[ID]",
        re.compile(
            r"(?<![\w-])[A-Z\u00c4\u00d6\u00dc]{1,3}-[A-Z\u00c4\u00d6\u00dc]{1,2} \d{1,4}[EH]?(?![\w,.]\d|\w)"
        ),
    ),
    ("[ID]", re.compile(r"(?<![\w-])[A-Z]{2}-\d{3}-[A-Z]{2}(?![\w-])")),
    # Hauptstraße 12a; 12 bis, rue de la Paix; Calle Mayor, 5
    (
        "[ADDRESS]",
        re.compile(
            rf"\b{_CAPITAL}[\w-]{{0,30}}(?:stra\u00dfe|strasse|str\.|gasse|weg|platz|allee|ring|ufer)"
            r"\s{1,2}\d{1,4}(?:\s?[a-h]\b)?"
        ),
    ),
    (
        "[ADDRESS]",
        re.compile(
            r"\b\d{1,4}(?:\s?(?:bis|ter))?,?\s(?:rue|avenue|boulevard|bd|place|chemin|impasse|quai)\s"
            rf"(?:(?:de|du|des|la|le|les|l['\u2019]|d['\u2019])\s?){{0,3}}{_WORD}(?:[ -]{_WORD}){{0,3}}",
        ),
    ),
    (
        "[ADDRESS]",
        re.compile(
            r"\b(?:[Cc]alle|C/|[Aa]venida|[Aa]vda\.?|[Pp]laza|[Pp]aseo)\s"
            rf"(?:(?:de|del|la|las|los|el)\s){{0,3}}{_WORD}(?:\s{_WORD}){{0,3}},?\s(?:n\u00ba\s?)?\d{{1,4}}\b"
        ),
    ),
)
_DEGREES = r"(?:(?:Dra?|Prof)\b\.?\s{0,3}(?:med\.\s{0,3})?){0,3}"
#: Names after a title or "my name is"; they are scrubbed in private seeds, as ``scrub`` does in English.
NAMES: tuple[re.Pattern[str], ...] = (
    re.compile(rf"\b(?:Herrn?|Frau|Familie|Schwester|Pfleger)\s{{1,3}}{_DEGREES}(?!{_NOBODY})({_SURNAME})"),
    re.compile(
        r"\b(?:Mme|Mlle|Monsieur|Madame|Docteure?|Sr\.?|Sra\.?|Srta\.?|Se\u00f1ora?|Don|Do\u00f1a)"
        rf"\s{{1,3}}{_DEGREES}(?!{_NOBODY})({_NAME})"
    ),
    re.compile(
        r"\b(?:[Ii]ch hei(?:\u00df|ss)e|[Mm]ein Name ist|[Jj]e m['\u2019]appelle|[Mm]on nom est"
        rf"|[Mm]e llamo|[Mm]i nombre es)\s{{1,3}}({_NAME})"
    ),
)
_AFTER_DEGREE = rf"\b(?:Dra?|Prof)\b\.?\s{{1,3}}{_DEGREES}(?!{_NOBODY})"
DOCTOR, DOCTOR_DE = re.compile(f"{_AFTER_DEGREE}({_NAME})"), re.compile(f"{_AFTER_DEGREE}({_SURNAME})")
#: Used in French only, because in German "M. Crohn" is a disease.
MONSIEUR = re.compile(rf"\b(?:M|Pr)\.\s{{1,3}}({_NAME})")
#: Further patterns by language, in addition to those for every language.
_OWN = {"de": (DOCTOR_DE,), "fr": (DOCTOR, MONSIEUR)}


def scrub_formats(text: str) -> str:
    """The text, its letters composed, with each identifier in one of the ``FORMATS`` replaced by its kind."""
    text = composed(text)
    for tag, pattern in FORMATS:
        text = pattern.sub(partial(replaced, tag), text)
    return text


def scrub_names(text: str, language: str) -> str:
    """The text with the names that follow a title replaced."""
    for pattern in (*NAMES, *_OWN.get(language, (DOCTOR,))):
        text = pattern.sub(partial(replaced, "[NAME]"), text)
    return text


def replaced(tag: str, found: re.Match[str]) -> str:
    """The text of a match with its first group replaced by ``tag``; the tag if it has no group."""
    if not found.re.groups:
        return tag
    start, end = found.start(1) - found.start(), found.end(1) - found.start()
    return found.group()[:start] + tag + found.group()[end:]
