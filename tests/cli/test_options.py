"""The options are the plan's settings, and those of an evaluation are what the library takes."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, fields

import pytest
from docs.reference import option_table

from rpsg import api
from rpsg.cli.evaluate import OPTIONS
from rpsg.cli.options import FILE, SETTINGS, Setting
from rpsg.evaluation.config import EvaluationConfig


def test_the_table_of_options_is_what_the_plan_says() -> None:
    """If this fails: make reference."""
    assert FILE.read_text(encoding="utf-8") == option_table()


@pytest.mark.parametrize("setting", [*SETTINGS, *OPTIONS], ids=lambda s: s.key)
def test_the_help_of_an_option_is_a_plain_line(setting: Setting) -> None:
    assert setting.about.endswith(".")
    assert len(setting.about) <= 100
    assert setting.help.startswith(setting.about)
    assert setting.default in setting.help


@pytest.mark.parametrize("settings", [SETTINGS, OPTIONS], ids=["plan", "evaluation"])
def test_no_setting_is_listed_twice(settings: tuple[Setting, ...]) -> None:
    assert len({s.key for s in settings}) == len({s.option for s in settings}) == len(settings)


def test_the_library_and_the_command_line_take_the_same_of_an_evaluation() -> None:
    """``rpsg.evaluate`` names each field once more, with its type, for those who call it."""
    taken = dict(inspect.signature(api.evaluate).parameters)
    del taken["progress"], taken["quiet"]
    defaults = {name: MISSING if p.default is p.empty else p.default for name, p in taken.items()}
    assert defaults == {field.name: field.default for field in fields(EvaluationConfig)}
    assert set(taken) - {setting.key for setting in OPTIONS} == {"corpus", "write_floor"}
