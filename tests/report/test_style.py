"""Colours that can be told apart in light, in dark and on paper (WCAG 2.2: 4.5 for text, 3 for pictures)."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files

import pytest

STYLE = files("rpsg.report").joinpath("style.css").read_text(encoding="utf-8")
COLOUR = re.compile(r"--(\w+): (#[0-9a-f]{6})")
PALETTES = dict(
    zip(
        ("light", "dark", "paper"),
        (dict(COLOUR.findall(root)) for root in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)),
        strict=True,
    )
)
TEXT = [
    ("ink", "paper"),
    ("soft", "paper"),
    ("first", "paper"),
    ("ink", "raised"),
    ("soft", "raised"),
    ("paper", "bad"),
    ("ink", "mark"),
    ("soft", "mark"),
]
PICTURES = [
    ("first", "paper"),
    ("first", "raised"),
    ("second", "paper"),
    ("second", "raised"),
    ("second", "band"),
]


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_formula_is_that_of_the_guidelines() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize(("words", "ground"), TEXT)
def test_text_can_be_read(palette: str, words: str, ground: str) -> None:
    assert contrast(PALETTES[palette][words], PALETTES[palette][ground]) >= 4.5


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize(("shape", "ground"), PICTURES)
def test_pictures_can_be_seen(palette: str, shape: str, ground: str) -> None:
    assert contrast(PALETTES[palette][shape], PALETTES[palette][ground]) >= 3.0


def test_every_colour_is_a_colour_of_the_palette() -> None:
    """So that dark, print and contrast are decided in one place."""
    rest = re.sub(r":root \{.*?\}", "", STYLE, flags=re.DOTALL)
    assert not re.findall(r"#[0-9a-f]{3,8}\b(?!title)", rest)
    assert all(set(palette) == set(PALETTES["light"]) for palette in PALETTES.values())


def test_focus_can_be_seen_and_nothing_moves() -> None:
    assert ":focus-visible" in STYLE
    assert "animation" not in STYLE
    assert "transition" not in STYLE


def test_the_style_of_pages_in_old_releases_never_changes() -> None:
    """Those pages are made again and compared byte for byte; the releases of three methods show it too."""
    style = files("rpsg.report").joinpath("style-0.1.css").read_bytes()
    assert (
        hashlib.sha256(style).hexdigest()
        == "93a67748b7a18d242f2c756f6635e64f7ce0b7ecb58faae5ec79e89684ce8488"
    )
