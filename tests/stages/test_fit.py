"""The sentences about texts that fit no topic, and about texts in another language."""

from __future__ import annotations

import pytest

from rpsg.stages.resolution import other_language_line, poor_fit_line


def test_a_share_is_told_with_its_margin_and_who_judged() -> None:
    line = poor_fit_line(0.123, 0.02)
    assert line.startswith("About 12% (± 4%) of the private texts fit no topic of this domain pack well")
    assert "embedder" in line
    assert "Another pack" not in line


@pytest.mark.parametrize(("share", "told"), [(-0.2, "About 0%"), (1.3, "About 100%")])
def test_noise_makes_no_share_below_none_or_above_all(share: float, told: str) -> None:
    assert poor_fit_line(share, 0.1).startswith(told)


def test_a_share_that_noise_hides_is_not_shown() -> None:
    line = poor_fit_line(0.55, 1.55)
    assert "noise hides how many" in line
    assert "%" not in line


def test_another_pack_is_advised_only_where_noise_does_not_explain_the_share() -> None:
    assert "rpsg propose" in poor_fit_line(0.4, 0.02)
    assert "rpsg propose" not in poor_fit_line(0.4, 0.2)


def test_a_share_of_texts_in_another_language_is_told_only_where_noise_does_not_explain_it() -> None:
    line = other_language_line(0.123, 0.02, "English")
    assert line.startswith(
        "At least 12% (± 4%) of the private texts seem to be in a language other than English"
    )
    assert "too short to recognize their language are counted as English" in line
    assert "the release is not in their language" not in line
    assert not other_language_line(0.12, 0.06, "English")
    assert not other_language_line(0.04, 0.001, "English"), "a few that were taken for another language"
    assert not other_language_line(2.0, 0.4, "English"), "the noise hides everything"


def test_a_pack_in_the_wrong_language_is_named_where_noise_does_not_explain_the_share() -> None:
    assert "the release is not in their language" in other_language_line(1.2, 0.05, "English")
    assert "too short" not in other_language_line(1.2, 0.05, "English")
    assert "About 100%" in other_language_line(1.2, 0.05, "English")
