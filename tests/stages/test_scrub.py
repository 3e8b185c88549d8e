"""The scrub takes amounts and identities out of a text, and leaves the words around them."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.stages.pools import pool_of

from rpsg.models.pii import PatternRecognizer
from rpsg.protocols import Span
from rpsg.records import Candidate, Card, Drop, Pool
from rpsg.stages.scrub import found_by_pattern, generalise_amounts, scrub_identities, scrub_text

SCALES = {"": 1, "k": 1e3, " thousand": 1e3, "m": 1e6, " million": 1e6, "bn": 1e9, " billion": 1e9}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I paid $300 for it.", "I paid $100-$999 for it."),
        ("It was $1,200, and worth it.", "It was $1K-$9K, and worth it."),
        ("£1500 was too much.", "£1K-£9K was too much."),
        ("A loss of $2.5 million.", "A loss of over $1M."),
        ("1,5 million dollars went.", "over $1M went."),
        ("They raised 3bn euros.", "They raised over €1M."),
        ("About $20k each.", "About $10K-$99K each."),
        ("A 300-dollar pan.", "A $100-$999 pan."),
        ("Wir zahlten €1.500.", "Wir zahlten €1K-€9K."),
        ("We paid 1 500 € there.", "We paid €1K-€9K there."),
        ("Some $300-400 a month.", "Some $100-$999 a month."),
        ("300 to 400 dollars.", "$100-$999."),
        ("From $90 to $1,234.56!", "From $90 to $1K-$9K!"),
        ("Only $99.99 for 2 €5 bags.", "Only $99.99 for 2 €5 bags."),
        ("In 2020, 300 dollars more.", "In 2020, $100-$999 more."),
        ("A $0.125 coin, 300 miles.", "A $0.125 coin, 300 miles."),
        ("The $300 microphone.", "The $100-$999 microphone."),
        ("Between $99-$150 a month.", "Between $100-$999 a month."),
        ("Some $90\u2013$95 a month.", "Some $90\u2013$95 a month."),
        ("A car for $5k-$12k, used.", "A car for $10K-$99K, used."),
        ("A house, $900k-$1.2m.", "A house, over $1M."),
        ("We paid 300€-1.400€.", "We paid €1K-€9K."),
        ("USD 5,000 and US$5,000 too.", "USD 1K-USD 9K and US$1K-$9K too."),
        ("It was 5000 CHF, or 5000 francs.", "It was CHF 1K-CHF 9K, or CHF 1K-CHF 9K."),
        ("It cost ¥50,000, or 50000 yen.", "It cost ¥10K-¥99K, or ¥10K-¥99K."),
        ("EUR 300 - 400 a month.", "EUR 100-EUR 999 a month."),
        ("Only 5 EUR; a cad 500 m away.", "Only 5 EUR; a cad 500 m away."),
    ],
)
def test_of_an_amount_only_the_order_stays_and_the_words_around_it_do(text: str, expected: str) -> None:
    assert generalise_amounts(text) == expected


@given(
    before=st.sampled_from(["", "I paid ", "so (", "about "]),
    after=st.sampled_from([" for it", ", and", ".", " was much", " more", ")", "\nthen", "; km"]),
    value=st.integers(100, 999_999_999),
    cents=st.sampled_from(["", ".5", ".50"]),
    grouped=st.booleans(),
    scale=st.sampled_from(sorted(SCALES)),
    unit=st.sampled_from([("$", ""), ("€", ""), ("£ ", ""), ("", " dollars"), ("", " euros"), ("", "€")]),
)
def test_no_amount_survives_exactly_and_nothing_around_it_changes(
    *, before: str, after: str, value: int, cents: str, grouped: bool, scale: str, unit: tuple[str, str]
) -> None:
    sign, word = unit
    number = f"{value:,}" if grouped else str(value)
    found = generalise_amounts(f"{before}{sign}{number}{cents}{scale}{word}{after}")
    assert found.startswith(before)
    assert found.endswith(after)
    middle = found[len(before) : len(found) - len(after)]
    own = next(
        mark for mark in "$€£" if mark in f"{sign}{word.replace(' dollars', '$').replace(' euros', '€')}"
    )
    orders = [(1e6, f"over {own}1M"), (1e5, "100K-999K"), (1e4, "10K-99K"), (1e3, "1K-9K"), (0, "100-999")]
    order = next(name for least, name in orders if (value + float(cents or 0)) * SCALES[scale] >= least)
    assert middle == (order if order.startswith("over") else "-".join(own + end for end in order.split("-")))


@given(st.text(st.sampled_from("ab ,.-12$€£\n"), max_size=40))
def test_a_text_without_an_amount_is_left_alone(text: str) -> None:
    assume(not re.search(r"[$€£]\s?\d|\d\s?[€£]", text))
    assert generalise_amounts(text) == text


@pytest.mark.parametrize("part", ["1,", "111 ", "1,111", "1-", "111 to ", "$1 "])
def test_a_long_row_of_numbers_is_read_in_one_go(part: str) -> None:
    """Quadratic work on so many characters would take minutes."""
    assert len(generalise_amounts(part * 50_000)) > 50_000


@pytest.mark.parametrize(
    "part",
    [
        "a",
        "\n",
        "1",
        "(",
        "<",
        "@",
        "$",
        " ",
        "-",
        "@ab ",
        "a.",
        "a@",
        "a@b.",
        "dr ",
        "Dr A",
        "order no",
        "nono-",
        "my name is a ",
        "www.",
        "u/",
        "1.",
        "1 ",
        "$1-",
        "1-$",
        "USD 1k-",
        "case:A",
        "AB12",
        "CA ",
        "::",
        "a:",
        "1:",
        "00:",
        "00:1B:",
        "DE89 ",
        "DE89",
        "(5",
        "(+1",
        "5 10 ",
        "passport ",
        "passport no",
        "t.me/",
        "fb.com/",
        "de89 3704 ",
        "ab12abcd",
        "a (at) ",
        "a[at]b.",
        "a[at]b(dot)",
        "b(dot) ",
        "1234567 ext. ",
        "030/1",
        "0/",
        "1.2.",
        "A1",
    ],
)
def test_a_long_row_of_anything_is_scrubbed_in_one_go(part: str) -> None:
    """The square of so many characters would take far longer; they themselves take a quarter of a second."""
    row = part * (50_000 // len(part))
    began = time.process_time()
    scrub_identities(pool_of(row), PatternRecognizer())
    found_by_pattern(f"order no{row[:25_000]}! My name is {row[:25_000]}")
    assert time.process_time() - began < 3


class Towns:
    """A recognizer that knows one town."""

    name = "towns"
    endpoint = "local_model"

    def find(self, texts: list[str]) -> list[list[Span]]:
        return [[Span(m.start(), m.end(), "place") for m in re.finditer("Leeds", text)] for text in texts]


def test_names_amounts_and_what_a_recognizer_finds_are_replaced_together() -> None:
    pool = pool_of("My name is Marek Zelinka of Leeds, Leeds, and I paid $1,200, twice.", "Nuts are good.")
    found = scrub_identities(pool, Towns())  # type: ignore[arg-type]  # a plain class
    assert [c.text for c in found] == [
        "My name is [NAME] of [PLACE], [PLACE], and I paid $1K-$9K, twice.",
        "Nuts are good.",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Anna Lopez was kind.", "Dr. [NAME] was kind."),
        ("call me Freddie or not", "call me [NAME] or not"),
        ("order number: 77A-1 came", "order number: [ID] came"),
        ("we live in CA 90210 now", "we live in CA [ZIP] now"),
        ("by user nut_fan99, in May", "by user [ACCOUNT], in May"),
        ("Dr. van der Berg was kind", "Dr. [NAME] was kind"),
        ("Mrs. Maria de la Cruz was kind", "Mrs. [NAME] was kind"),
        ("Prof. Dr. J. Smith was kind", "Prof. Dr. [NAME] was kind"),
        ("My name's anna smith, by the way", "My name's [NAME], by the way"),
        ("My name\u2019s anna and i like nuts", "My name\u2019s [NAME] and i like nuts"),
        ("my name is anna writing to you", "my name is [NAME] writing to you"),
        (
            "my name is not on the list, my name is spelled so",
            "my name is not on the list, my name is spelled so",
        ),
        ("as u/throwaway_mom said, and /u/nutfan", "as u/[ACCOUNT] said, and /u/[ACCOUNT]"),
        ("we went out of the van, and the dr told us", "we went out of the van, and the dr told us"),
        ("and/or w/u/s, see r/nuts", "and/or w/u/s, see r/nuts"),
        ("mail a.b@mail.example or 555-123-4567.", "mail [EMAIL] or [NUMBER]."),
    ],
)
def test_without_a_recognizer_the_patterns_are_replaced(text: str, expected: str) -> None:
    assert [c.text for c in scrub_identities(pool_of(text))] == [expected]


def test_a_text_that_was_dropped_is_not_touched() -> None:
    gone = Candidate(0, "call me Freddie", Card({}), dropped=Drop("guard", "why"))
    kept = Candidate(1, "call me Freddie", Card({}))
    assert [c.text for c in scrub_identities(Pool((gone, kept)))] == ["call me Freddie", "call me [NAME]"]


@given(st.text(st.sampled_from("ab @.:/w~+-0123456789"), max_size=60))
def test_a_scrubbed_text_has_nothing_left_to_scrub(text: str) -> None:
    once = scrub_text(text)
    assert scrub_text(once) == once


def test_what_the_patterns_find_is_told_with_its_kind() -> None:
    assert found_by_pattern("call me Freddie, 555-123-4567, CA 90210") == [
        ("number", "555-123-4567"),
        ("name", "Freddie"),
        ("zip", "90210"),
    ]


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("Call 555-123-4567 ext. 12 now.", "Call [NUMBER] now."),
        ("Call 555-123-4567, extension 12.", "Call [NUMBER]."),
        ("Call 555-123-4567 x12.", "Call [NUMBER]."),
        ("Write to jane (at) example (dot) com today.", "Write to [EMAIL] today."),
        ("Write to jane[at]example[dot]co[dot]uk.", "Write to [EMAIL]."),
        ("It listens on 10.0.0.5:8080.", "It listens on [IP]."),
        ("We met (at) noon, (dot) and all.", "We met (at) noon, (dot) and all."),
        ("The extension 12 of the cord is x2 longer.", "The extension 12 of the cord is x2 longer."),
        ("Version 1.2.3:4 came at 10:30.", "Version 1.2.3:4 came at 10:30."),
    ],
)
def test_what_belongs_to_a_number_or_an_address_goes_with_it(text: str, scrubbed: str) -> None:
    assert scrub_text(text) == scrubbed
