"""Step 9 and what comes before it: rules on the synthetic text alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.stages.pools import alive, pool_of

from rpsg.domains import find_pack, pack_names
from rpsg.models.fake import FakeScorer
from rpsg.records import Candidate, Card, Pool
from rpsg.stages.clean_reply import repeats_itself, tidy
from rpsg.stages.cosine_filter import drop_copies, drop_echoes, drop_near_duplicates
from rpsg.stages.nll_filter import nll_filter
from rpsg.stages.scrub import scrub, scrub_text
from rpsg.textstats.echoes import all_echoes, form_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpsg.domains import Pack
    from rpsg.protocols import Endpoint

GOOD = "We drink this tea every morning and like it."


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (GOOD, GOOD),
        (f"  {GOOD}\n", GOOD),
        (f'"{GOOD}"', GOOD),
        (f"\u201c{GOOD}\u201d", GOOD),
        (f"```\n{GOOD}\n```", GOOD),
        (f"```text\n{GOOD}```", GOOD),
        (f"Sure! Here is your text: {GOOD}", GOOD),
        (f"Here's a review:\n\n{GOOD}", GOOD),
        ('My son said "more" and my wife said "no".', 'My son said "more" and my wife said "no".'),
        ("I am unable", ""),
        ("As an AI I do not drink tea, but people like it.", ""),
        ("I'm sorry, but I cannot help with that request.", ""),
        ("Write a review of tea by a happy customer today.", ""),
        ("Rewrite the following review as an unhappy customer.", ""),
        ("We like tea. Would you like me to suggest some other kinds of it?", ""),
        ("I'd be happy to help you find a place to buy green tea in.", ""),
        ("Tea is fine <|im_end|> and more of it is finer.", ""),
        ("", ""),
        ("  \n ", ""),
        ("Too short this.", ""),
        ("tea is good " * 20, ""),
    ],
)
def test_a_reply_becomes_the_text_in_it_or_nothing(reply: str, text: str) -> None:
    found, reason = tidy(reply, cut=False)
    assert found == text
    assert bool(reason) == (text == "")


def test_a_reply_that_was_cut_ends_with_its_last_whole_sentence() -> None:
    assert tidy(f"{GOOD} It is the best of all the", cut=True) == (GOOD, "")


@pytest.mark.parametrize("reply", ["We drink this tea every morning and", f"Yes. {GOOD[:-1]} and then we go"])
def test_a_reply_that_was_cut_too_early_is_dropped(reply: str) -> None:
    assert tidy(reply, cut=True) == ("", "cut in the middle")


@given(st.text(max_size=200), st.booleans())
def test_no_reply_is_both_kept_and_dropped_and_none_grows(reply: str, cut: bool) -> None:
    text, reason = tidy(reply, cut=cut)
    assert bool(text) != bool(reason)
    assert len(text) <= len(reply)


def test_a_short_text_may_repeat_words_and_a_long_one_may_not_turn_in_circles() -> None:
    assert not repeats_itself("good good good good good")
    assert repeats_itself("it is a very good tea " * 5)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("write to ann.lee+x@mail.example.org now", "write to [EMAIL] now"),
        ("see https://example.org/a?b=1 and www.example.org", "see [LINK] and [LINK]"),
        ("call +1 (555) 010-4477 today", "call [NUMBER] today"),
        ("card 4111 1111 1111 1111", "card [NUMBER]"),
        ("ask @green_tea about it", "ask [ACCOUNT] about it"),
        ("Call (555) 010-9999 now", "Call [NUMBER] now"),
        ("06 12 34 56 78 or 5551234567", "[NUMBER] or [NUMBER]"),
        ("take 5 10 15 20 of them", "take 5 10 15 20 of them"),
        ("IBAN DE89370400440532013000.", "IBAN [IBAN]."),
        ("IBAN DE89 3704 0044 0532 0130 00", "IBAN [IBAN]"),
        ("GB29 NWBK 6016 1331 9268 19 is mine", "[IBAN] is mine"),
        ("FR14 2004 1010 0505 0001 3M02 606", "[IBAN]"),
        ("AB12 THIS SHOP MAKES GOOD TEAS", "AB12 THIS SHOP MAKES GOOD TEAS"),
        ("reach me at 10.0.0.7 or 2001:db8::1.", "reach me at [IP] or [IP]."),
        ("at 12:30:45 we had version 1.2.3 and std::map", "at 12:30:45 we had version 1.2.3 and std::map"),
        ("MAC 00:1B:44:11:3A:B7 or 00-1b-44-11-3a-b7 or 001b.4411.3ab7", "MAC [MAC] or [MAC] or [MAC]"),
        ("IBAN: nl91 abna 0417 1643 00, my bank", "IBAN: [IBAN], my bank"),
        ("IBAN DE89-3704-0044-0532-0130-00", "IBAN [IBAN]"),
        ("be68 5390 0754 7034 when you can", "[IBAN] when you can"),
        (
            "no12 then that when over with 10 000 000 of them",
            "no12 then that when over with [NUMBER] of them",
        ),
        ("fe80::1%eth0 and 2001:0db8:85a3:0000:0000:8a2e:0370:7334", "[IP] and [IP]"),
        ("MAC 00.1B.44.11.3A.B7", "MAC [MAC]"),
        ("passport no. C01X00T47 and X1234567", "passport [ID] and [ID]"),
        ("my passport 12AB34567 is gone", "my passport [ID] is gone"),
        ("Passport:12AB34567, PASSPORT #C01X00T47", "Passport:[ID], PASSPORT [ID]"),
        ("Tel 030/1234567 or 030 / 123 45 67 or +49 (030)/1234567", "Tel [NUMBER] or [NUMBER] or [NUMBER]"),
        ("from 03/2020-21, rated 08/10 100 times", "from 03/2020-21, rated 08/10 100 times"),
        ("Tel 01/5122234 or 01 / 512 22 34", "Tel [NUMBER] or [NUMBER]"),
        ("in 03/1988 and 2023/2024, 1/2 of 24/7", "in 03/1988 and 2023/2024, 1/2 of 24/7"),
        ("a bill of 1.234.567,89 or 555.123.4567", "a bill of [NUMBER] or [NUMBER]"),
        ("ann.lee (at) example.org or ann[at]mail.example.org", "[EMAIL] or [EMAIL]"),
        ("we met (at) noon", "we met (at) noon"),
        ("ftp://files.example.org/a and instagram.com/jane.doe", "[LINK] and [LINK]"),
        ("fb.com/jane, X.com/@jane and wa.me/4915112345678", "[LINK] [LINK] and [LINK]"),
        ("the x.com page and telegram.me alone", "the x.com page and telegram.me alone"),
        ("my passport picture is old", "my passport picture is old"),
        ("see t.me/jane_doe and T.me/joe.", "see [LINK] and [LINK]"),
        ("12 cans for 9.99 in 2024, 5 stars out of 5", "12 cans for 9.99 in 2024, 5 stars out of 5"),
        ("half/half @ home ~ fine", "half/half @ home ~ fine"),
    ],
)
def test_identifiers_are_replaced_and_ordinary_numbers_are_not(text: str, clean: str) -> None:
    assert scrub_text(text) == clean


@given(st.text(alphabet="ab1 @.~+()-/:w", max_size=60))
def test_what_was_scrubbed_stays_as_it_is(text: str) -> None:
    assert scrub_text(scrub_text(text)) == scrub_text(text)


def test_only_living_texts_are_scrubbed() -> None:
    pool = scrub(pool_of("a@b.org", "a@b.org").drop("votes", {1: "lost"}))
    assert [c.text for c in pool] == ["[EMAIL]", "a@b.org"]


def test_of_near_duplicates_the_first_stays() -> None:
    vectors = np.array([[1, 0], [0, 1], [1, 0.01], [0.7, 0.7], [0.01, 1]], np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pool = drop_near_duplicates(pool_of(*"abcde"), vectors)
    assert alive(pool) == [0, 1, 3]
    assert pool.drops() == {("cosine filter", "near-duplicate"): 2}


def test_equal_texts_that_cannot_be_embedded_are_near_duplicates_too() -> None:
    pool = drop_near_duplicates(pool_of("\u597d", "\u597d", "\u574f"), np.zeros((3, 2), np.float32))
    assert alive(pool) == [0, 2]


def test_a_text_near_only_to_a_dropped_one_stays() -> None:
    angles = np.deg2rad([0, 15, 30])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert alive(drop_near_duplicates(pool_of(*"abc"), vectors)) == [0, 2]


def test_vectors_belong_to_the_living_texts() -> None:
    pool = pool_of(*"abc").drop("writing", {0: "failed"})
    assert alive(drop_near_duplicates(pool, np.array([[1, 0], [1, 0]], np.float32))) == [1]


def test_a_text_that_repeats_an_example_is_dropped(tiny: Pack) -> None:
    example = tiny.examples[0].text
    pool = drop_copies(pool_of(f"Well, {example.upper()}", " ".join(example.split()[:7]), GOOD), tiny)
    assert alive(pool) == [1, 2]


def test_in_another_language_five_words_of_an_example_are_a_copy_but_its_first_words_are_not() -> None:
    pool = drop_copies(
        pool_of(
            "Rien à redire sur la rapidité du service. Pour une fois, tout le monde souriait.",
            "Inadmissible : le prix. Résultat : j'ai laissé mon panier et je suis reparti.",
        ),
        find_pack("survey-fr"),
    )
    assert alive(pool) == [0]


PUBLIC = "the tea is good and the tea is fresh and we like the tea"


def scored(*texts: str) -> Pool:
    return nll_filter(pool_of(*texts), FakeScorer(PUBLIC))


class Losses:
    """Scores each text with the loss that it names."""

    name = "losses"
    endpoint: Endpoint = "local_model"

    def score(self, texts: Sequence[str]) -> list[list[float]]:
        return [[-float(text)] * 3 for text in texts]


def test_texts_far_outside_the_band_are_dropped_on_both_sides() -> None:
    # Median 3.0, median distance 0.1: the band reaches 3.5 * 1.4826 * 0.1 = 0.52 to each side.
    pool = nll_filter(pool_of("2.9", "3.0", "3.1", "2.9", "3.1", "2.5", "3.5", "2.4", "3.6"), Losses())
    assert pool.drops() == {("nll filter", "too likely"): 1, ("nll filter", "too unlikely"): 1}
    assert alive(pool) == [0, 1, 2, 3, 4, 5, 6]


def test_a_text_that_cannot_be_scored_is_dropped() -> None:
    pool = scored("the good tea", "the good tea", "123 456")
    assert pool.drops() == {("nll filter", "could not be scored"): 1}


def test_the_score_of_a_text_is_its_own_in_any_company_and_order() -> None:
    texts = ["the good tea", "a poor little cup of tea", "tea", "word upon word upon word"]
    alone = [scored(text).candidates[0].scores["nll"] for text in texts]
    together = [c.scores["nll"] for c in scored(*texts)]
    turned = [c.scores["nll"] for c in scored(*texts[::-1])][::-1]
    assert alone == together == turned


def test_the_score_is_the_mean_of_the_token_losses_not_their_sum() -> None:
    short, long = scored("good tea", "good tea " * 9)
    assert short.scores["nll"] == pytest.approx(long.scores["nll"])


def test_equal_texts_all_stay() -> None:
    assert alive(scored(*["the good tea"] * 5)) == [0, 1, 2, 3, 4]


def test_without_a_scorer_or_without_texts_nothing_happens() -> None:
    pool = pool_of("the the the", "qwx")
    assert nll_filter(pool, None) is pool
    assert nll_filter(Pool(), FakeScorer()) == Pool()


def test_no_text_is_left_that_the_echo_rate_would_count() -> None:
    """The first has a header, the second a long value of its own card, the third that of another card."""
    pack = find_pack("food-reviews")
    angle = "damaged or leaking packaging"
    told = f"The tea came with {angle}, so I sent it back."
    texts = {
        f"{GOOD}\nTOPIC: green tea.": {},
        told: {"angle": angle},
        f"{told} Twice.": {"angle": "the smell"},
        GOOD: {"angle": angle},
    }
    drafts = (Candidate(i, text, Card(card)) for i, (text, card) in enumerate(texts.items()))
    left = drop_echoes(Pool(tuple(drafts)), pack)
    assert alive(left) == [2, 3]
    assert not any(
        all_echoes([c.text for c in left.alive()], form_of(pack), [c.card.values for c in left.alive()])
    )


@pytest.mark.parametrize("name", pack_names())
def test_every_pack_drops_echoes(name: str) -> None:
    assert find_pack(name).drops_echoes
