"""Every setting is described, in one sentence that somebody reads once."""

from __future__ import annotations

import pytest

from rpsg.plan import Described, Plan, described

SETTINGS = list(described(Plan))


def test_every_setting_of_the_plan_is_described() -> None:
    def keys(prefix: str, table: dict[str, object]) -> set[str]:
        found: set[str] = set()
        for key, value in table.items():
            found |= keys(f"{prefix}{key}.", value) if isinstance(value, dict) else {prefix + key}
        return found

    assert {setting.key for setting in SETTINGS} == keys("", Plan().model_dump())


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.key)
def test_a_setting_has_one_line_that_names_its_choices(setting: Described) -> None:
    assert setting.about.endswith(".")
    assert len(setting.about) <= 100
    assert all(choice in setting.about for choice in setting.choices)


def test_a_setting_knows_its_type_and_its_choices() -> None:
    by_key = {setting.key: setting for setting in SETTINGS}
    kinds = {
        key: by_key[key].kind for key in ("data.labels", "data.label", "privacy.shares.votes", "paper.seeds")
    }
    assert kinds == {
        "data.labels": "list",
        "data.label": "str",
        "privacy.shares.votes": "float",
        "paper.seeds": "int",
    }
    assert by_key["data.format"].choices == ("jsonl", "csv", "tsv", "txt", "parquet", "excel")
