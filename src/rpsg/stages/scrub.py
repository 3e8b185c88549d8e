"""Step 9, scrub: things that look like a person's identifiers are replaced in the synthetic text.

A model can invent a telephone number that exists. The patterns read only the synthetic text. Methods that
start from private seeds also scrub titled names, what a recognizer finds, and amounts of money, of which only
the order of magnitude is kept.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from itertools import chain, pairwise
from typing import TYPE_CHECKING

from rpsg.machine.processes import HERE, in_parts
from rpsg.stages.scrub_formats import replaced, scrub_formats, scrub_names
from rpsg.textstats.languages import ENGLISH
from rpsg.textstats.words import SPACELESS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rpsg.machine.processes import Processes
    from rpsg.protocols import Recognizer, Span
    from rpsg.records import Pool


def _is_account(found: str) -> bool:
    """Whether it contains a digit, as bank accounts do and words in capitals do not."""
    return sum(sign.isdigit() for sign in found) >= 10


def _is_address(found: str) -> bool:
    """Whether it is an IP address and not a time, a version or a row of colons."""
    try:
        ip_address(re.sub(r"%.*|(?<=\.)(\d+):\d+\Z", r"\1", found))
    except ValueError:
        return False
    return any(sign.isdigit() for sign in found)


def _may_be_phone(found: str) -> bool:
    """Whether it may be a telephone or card number: a rising sequence of small numbers is a list."""
    parts = found.split(" ")
    if len(parts) < 4 or not all(part.isdigit() and len(part) <= 3 for part in parts):
        return True
    values = [int(part) for part in parts]
    rises = all(a < b for a, b in pairwise(values))
    return not rises or any(len(part) > 1 and part.startswith("0") for part in parts)


#: The replacement, the pattern and a test of each kind. No pattern may start inside its own match, and each
#: repetition is bounded or possessive, so that none takes quadratic time on a long run of letters.
PATTERNS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("[EMAIL]", re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)++"), bool),
    (  # written so that programs do not recognize it
        "[EMAIL]",
        re.compile(r"(?i)(?<![\w.+-])[\w.+-]++ ?[(\[]at[)\]] ?[\w-]++(?:(?:\.| ?[(\[]dot[)\]] ?)[\w-]++)++"),
        bool,
    ),
    (
        "[LINK]",
        re.compile(
            r"\b(?:(?:https?|ftp)://|www\.|(?:t\.me|telegram\.me|wa\.me|discord\.gg|bit\.ly"
            r"|(?:instagram|facebook|fb|linkedin|tiktok|twitter|x|youtube)\.com)/(?=[\w@]))\S+",
            re.IGNORECASE,
        ),
        bool,
    ),
    (
        "[MAC]",
        re.compile(r"(?<![\w:-])[0-9A-Fa-f]{2}([:.-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\w:-])"),
        bool,
    ),
    ("[MAC]", re.compile(r"(?<![\w.])[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}(?![\w.])"), bool),
    (
        "[IP]",
        re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{2,39}(?:\.\d{1,3}){0,3}(?:%\w{1,20})?(?![\w:])"),
        _is_address,
    ),
    ("[IP]", re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)(?::\d{1,5}(?!\w))?"), _is_address),
    (
        "[IBAN]",
        re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?!\w)"),
        _is_account,
    ),
    (  # in small letters each group, except that of the bank, must have a digit, because a word has none
        "[IBAN]",
        re.compile(
            r"(?<!\w)[a-z]{2}\d{2}[ -]?[a-z0-9]{4}(?:[ -]?(?=[a-z]{0,3}\d)[a-z0-9]{4}){1,6}"
            r"(?:[ -]?(?=[a-z]{0,2}\d)[a-z0-9]{1,3})?(?!\w)",
            re.IGNORECASE,
        ),
        _is_account,
    ),
    ("[ID]", re.compile(r"(?<!\w)[A-Z]{1,2}\d{6,9}[A-Z]?(?!\w)"), bool),
    (
        "[ID]",
        re.compile(
            r"(?<=passport[ :#])(?:(?:no|number|nr)\b\.?)?[:#\s]{0,3}(?=[A-Z]{0,3}\d)[A-Z0-9]{6,10}(?!\w)",
            re.IGNORECASE,
        ),
        bool,
    ),
    (  # an area code before a slash; a number of two digits may be a month or a score: 03/2020-21, 08/10 100
        "[NUMBER]",
        re.compile(
            r"(?<![\w./])(?:\+\d{1,3}\s?)?\(?0(?:\d{2,5}|\d(?=\)?\s?/\s?\d{3}(?:\d{2}|\s\d)))\)?"
            r"\s?/\s?\d(?:[\s-]?\d){4,11}(?!\w)"
        ),
        bool,
    ),
    (
        "[NUMBER]",
        re.compile(
            r"(?<![\w.])(?:\(\+?|\+\(?)?\d(?:[\s().-]{0,2}\d){6,}(?:,\d{1,2}(?!\d))?(?!\w)"
            r"(?:,? ?(?i:ext(?:ension)?\b\.?|x(?=\d)) ?\d{1,6}(?!\w))?"  # and its extension
        ),
        _may_be_phone,
    ),
    ("[ACCOUNT]", re.compile(r"(?<![\w/])[@~][A-Za-z]\w{2,}"), bool),
)
_NAME = (  # Anna, J. Smith, van der Berg, O'Hara Lopez
    r"(?:[A-Z]\.\s{0,3}){0,3}(?:(?:van|von|der|den|de|del|della|di|da|dos|du|la|le|ten|ter|zu|bin|al|el)\s{1,3}){0,3}"
    r"[A-Z][\w'\u2019-]{1,40}(?:\s{1,3}(?:(?:van|von|der|den|de|del|la|le|di|da)\s{1,3}){0,3}"
    r"[A-Z][\w'\u2019-]{1,40})?"
)
_NO_NAME = (  # lower-case words after "my name is" that are no name
    r"(?:a|an|all|also|already|always|at|attached|being|below|called|common|different|even|everywhere|for|from"
    r"|hard|in|irrelevant|it|just|known|listed|misspelled|misspelt|mud|my|never|no|not|now|nowhere|of|on|only"
    r"|out|pronounced|put|really|so|spelled|spelt|still|that|the|there|too|under|unimportant|unique|unknown|up"
    r"|used|very|what|whatever|with|written|wrong|your)\b"
)
#: What else is scrubbed in methods with private seeds. Only the first group of each pattern is replaced.
NAMED = (
    (
        "[NAME]",
        re.compile(
            r"\b(?:Mr|Mrs|Ms|Mx|Dr|Prof|Doctor|Professor|Nurse|Sister|Father|Rabbi|Judge|Captain|Officer|dr)"
            rf"\.?\s{{1,3}}(?:(?:Dr|Prof)\b\.?\s{{1,3}}){{0,3}}(?!(?:Dr|Prof)\b)({_NAME})"
        ),
    ),
    (
        "[NAME]",
        re.compile(rf"\b(?:[Mm]y name(?: is|['\u2019]s)|[Ii] am called|[Cc]all me)\s{{1,3}}({_NAME})"),
    ),
    (  # in lower case a second word is taken for a surname only if the clause ends after it
        "[NAME]",
        re.compile(
            rf"\b[Mm]y name(?: is|['\u2019]s)\s{{1,3}}(?!{_NO_NAME})([a-z][a-z'\u2019-]{{1,40}}"
            rf"(?:\s{{1,3}}(?!{_NO_NAME}|(?:and|but|i|or)\b)[a-z][a-z'\u2019-]{{1,40}}"
            r"(?=\s{0,3}(?:[.,;:!?)\n]|$)|\s{1,3}(?:and|but|from)\b))?)"
        ),
    ),
    ("[ACCOUNT]", re.compile(r"(?<![\w/])/?u/([A-Za-z0-9_-]{3,40})")),
    ("[ACCOUNT]", re.compile(r"\b[Uu]ser(?:name)?:?\s{1,3}([A-Za-z0-9_-]{0,40}\d[A-Za-z0-9_-]{0,40})")),
    (
        "[ID]",
        re.compile(
            r"\b(?:order|account|invoice|case|patient|MRN|ID)\s{0,3}(?:no\.?|number|#|:){1,3}\s{0,3}"
            r"(\w[\w-]{0,40}\d[\w-]{0,40}|\d[\w-]{0,40})",
            re.IGNORECASE,
        ),
    ),
    ("[ZIP]", re.compile(r"\b[A-Z]{2}\s{1,3}(\d{5}(?:-\d{4})?)\b")),
)
# 300, 1,200.50, 2.5, and as in continental Europe 1.200, 1 200 and 2,5.
_NUMBER = (
    r"(?:[1-9]\d{0,2}(?:[ ,.'\u2019\u00a0\u202f]\d{3}){1,5}(?!\d)(?:[.,]\d{1,2}(?!\d))?|\d+(?:[.,]\d+)?)"
)
_SCALE = r"(?:[\s-]?(?P<{0}>k|thousand|m|mn|million|bn|billion)\b)?"
_SIGN = r"[$\u20ac\u00a3\u00a5\uffe5\u20b9]"
# Codes of currencies: only in capitals, and only codes that are not also words.
_CODE = r"(?-i:USD|EUR|GBP|CHF|JPY|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|INR|CNY|RMB|HKD|SGD|MXN|BRL|ZAR|KRW)"
_DASH = r"[-\u2010-\u2014]"
_LOW, _LOW2 = (rf"{_NUMBER}{_SCALE.format(name)}\s?" for name in ("low", "low2"))
AMOUNT = re.compile(
    rf"(?P<sign>{_SIGN}|\b{_CODE})\s?(?P<number>(?:{_LOW}{_DASH}\s?(?:{_SIGN}\s?)?)?"
    rf"{_NUMBER}){_SCALE.format('scale')}"
    rf"|(?<![\w.,])(?P<number2>(?:{_LOW2}(?:{_SIGN}\s?)?(?:{_DASH}|to)\s?)?"
    rf"{_NUMBER}){_SCALE.format('scale2')}"
    rf"(?:[\s-]?(?P<word>dollars?|euros?|pounds|bucks|yen|francs|rupees)\b|\s?(?P<code>{_CODE})\b"
    r"|\s?(?P<sign2>[\u20ac\u00a3\u00a5\u20b9])(?!\s?\d))",
    re.IGNORECASE,
)
_ONE = re.compile(rf"({_NUMBER}){_SCALE.format('scale')}", re.IGNORECASE)
#: Amounts below the first of these are everyday prices and are kept.
BUCKETS = (
    (100, "{0}100-{0}999"),
    (1_000, "{0}1K-{0}9K"),
    (10_000, "{0}10K-{0}99K"),
    (100_000, "{0}100K-{0}999K"),
    (1_000_000, "over {0}1M"),
)
SIGNS = {"dollar": "$", "buck": "$", "euro": "€", "pound": "£", "yen": "¥", "franc": "CHF", "rupee": "₹"}
SCALES = {"": 1.0, "k": 1e3, "t": 1e3, "m": 1e6, "b": 1e9}  # by the first letter of the word


def scrub_text(text: str, language: str = "") -> str:
    """The text with each identifier replaced by its kind: e-mail, IP and MAC addresses, links, bank accounts,
    passport and telephone numbers (seven or more digits), and account names. For another ``language`` than
    English (an ISO 639 code; empty: not known), the formats of ``scrub_formats`` are replaced too.
    """
    if language in ENGLISH:
        return _scrubbed(text)
    # A letter of a script without spaces ends a word, so an address or a number may follow it at once.
    parts = re.split(f"([{SPACELESS}]+)", scrub_formats(text))
    return "".join(part if i % 2 else _scrubbed(part) for i, part in enumerate(parts))


def _scrubbed(text: str) -> str:
    for tag, pattern, is_one in PATTERNS:
        text = pattern.sub(lambda found: tag if is_one(found[0]) else found[0], text)  # noqa: B023 - used at once
    return text


def scrub(pool: Pool, language: str = "", processes: Processes = HERE) -> Pool:
    """The pool with every text scrubbed that is not dropped; ``language`` as for ``scrub_text``."""
    parts = in_parts([c.text for c in pool.alive()])
    return _with_texts(pool, list(chain(*processes.map(partial(_scrub_all, language), parts))))


def _scrub_all(language: str, texts: Sequence[str]) -> list[str]:
    return [scrub_text(text, language) for text in texts]


def scrub_identities(pool: Pool, recognizer: Recognizer | None = None, language: str = "") -> Pool:
    """The pool with the identities removed that patterns and the recognizer find in its texts."""
    texts = [c.text for c in pool.alive()]
    if recognizer is not None:
        texts = [cut(t, spans) for t, spans in zip(texts, recognizer.find(texts), strict=True)]
    if language not in ENGLISH:
        texts = [scrub_names(text, language) for text in texts]
    texts = [_without_names(text) for text in texts]
    return _with_texts(pool, [generalise_amounts(scrub_text(text, language)) for text in texts])


def _with_texts(pool: Pool, texts: Sequence[str]) -> Pool:
    new = iter(texts)
    return type(pool)(tuple(c if c.dropped else replace(c, text=next(new)) for c in pool.candidates))


def cut(text: str, spans: Sequence[Span]) -> str:
    """The text with each span replaced by its kind in brackets."""
    parts, last = [], 0
    for span in spans:
        parts += [text[last : span.start], f"[{span.kind.upper()}]"]
        last = span.end
    return "".join([*parts, text[last:]])


def _without_names(text: str) -> str:
    for tag, pattern in NAMED:
        text = pattern.sub(partial(replaced, tag), text)
    return text


def generalise_amounts(text: str) -> str:
    """The text with amounts of money from 100 upwards replaced by their order of magnitude.

    A range of amounts gets the order of magnitude of its upper end.
    """
    return AMOUNT.sub(_bucket, text)


def _bucket(match: re.Match[str]) -> str:
    scale = match["scale"] or match["scale2"] or ""
    ends = _ONE.finditer(match["number"] or match["number2"])
    value = max(_value(end[1]) * SCALES[(end["scale"] or scale)[:1].lower()] for end in ends)
    words = [bucket for least, bucket in BUCKETS if value >= least]
    sign = match["sign"] or match["sign2"] or match["code"]
    sign = sign or SIGNS[(match["word"] or "").lower().removesuffix("s")]
    return words[-1].format(f"{sign} " if sign.isalpha() else sign) if words else match.group()


def _value(number: str) -> float:
    """The value of a number as written: three digits after a mark are thousands, otherwise a fraction."""
    whole, *groups = re.split(r"\D", number)
    grouped = bool(groups) and len(groups[-1]) == 3 and len(whole) < 4 and not whole.startswith("0")
    fraction = "" if grouped or not groups else groups.pop()
    return float(f"{whole}{''.join(groups)}.{fraction or 0}")


def found_by_pattern(text: str) -> list[tuple[str, str]]:
    """(kind, text) of all identifiers that the patterns find in a text, without amounts of money."""
    whole = [
        (tag, match.group())
        for tag, pattern, is_one in PATTERNS
        for match in pattern.finditer(text)
        if is_one(match.group())
    ]
    named = [(tag, match.group(1)) for tag, pattern in NAMED for match in pattern.finditer(text)]
    return [(tag.strip("[]").lower(), part) for tag, part in whole + named]
