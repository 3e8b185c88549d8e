"""The options are the plan's settings, and their help says so."""

from __future__ import annotations

import pytest

from rpsg.cli.options import SETTINGS, Setting
from rpsg.cli.settings import settings
from rpsg.plan import Plan


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.key)
def test_the_help_of_a_setting_is_a_plain_line_with_the_true_default(setting: Setting) -> None:
    value = settings(Plan())[setting.key]
    said = setting.default
    assert said == ("" if value in (None, "", []) else str(value))
    assert setting.help.endswith(".")
    assert len(setting.help) <= 100


def test_no_setting_is_listed_twice() -> None:
    assert len({s.key for s in SETTINGS}) == len({s.option for s in SETTINGS}) == len(SETTINGS)
