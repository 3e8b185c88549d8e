"""Laws for every attack of an audit. Subclass ``AttackLaws`` and give it the attack."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pytest

from rpsg.testing.planted import subject

if TYPE_CHECKING:
    from rpsg.audit.finding import Attack


class AttackLaws:
    """Invented texts of 100 members and 100 people held out, and corpora that know some of the members."""

    @pytest.fixture
    def attack(self) -> Attack:
        raise NotImplementedError

    def test_a_corpus_of_the_members_own_texts_is_refuted(self, attack: Attack) -> None:
        found = attack(subject(leak=100))
        assert found.verdict == "refuted"
        assert found.auc is None or found.auc > 0.8

    def test_a_corpus_that_learnt_nothing_is_not(self, attack: Attack) -> None:
        found = attack(subject())
        assert found.verdict == "no violation seen"
        assert found.epsilon_lower == 0.0

    def test_what_it_guesses_does_not_depend_on_who_is_in(self, attack: Attack) -> None:
        """If the sides are exchanged, the same people are named, so right guesses become wrong."""
        case = subject(leak=30)
        found, other = attack(case), attack(replace(case, is_in=~case.is_in))
        if found.auc is not None and other.auc is not None:
            assert other.auc == pytest.approx(1 - found.auc)
        else:
            assert other.guesses == found.guesses
            assert (found.right or 0) + (other.right or 0) == found.guesses

    def test_a_public_reference_does_as_well_as_the_texts_of_both_sides(self, attack: Attack) -> None:
        assert attack(subject(leak=100, reference=200)).verdict == "refuted"

    def test_the_same_seed_gives_the_same_finding(self, attack: Attack) -> None:
        assert attack(subject(leak=20)) == attack(subject(leak=20))

    def test_a_finding_quotes_no_text(self, attack: Attack) -> None:
        """Texts are named only by their positions, in ``matches``."""
        case = subject(leak=100)
        told = json.dumps(asdict(attack(case)), default=str)
        assert not any(" ".join(text.split()[:4]) in told for text in case.texts)
