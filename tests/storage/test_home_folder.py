"""Where accounts, keys and models are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from rpsg.disk.home import home_folder
from rpsg.errors import UsageError
from rpsg.models.download import models_folder
from rpsg.privacy.odometer import Odometer, state_folder


@pytest.fixture(autouse=True)
def _only_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RPSG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/ada")


@pytest.mark.parametrize(
    ("variables", "state", "models"),
    [
        ({}, "/home/ada/.local/state/rpsg", "/home/ada/.local/share/rpsg/models"),
        ({"RPSG_HOME": "/srv/rpsg"}, "/srv/rpsg", "/srv/rpsg/models"),
        ({"RPSG_HOME": "~/rpsg"}, "/home/ada/rpsg", "/home/ada/rpsg/models"),
        ({"XDG_STATE_HOME": "/s", "XDG_DATA_HOME": "/d"}, "/s/rpsg", "/d/rpsg/models"),
        (
            {"XDG_STATE_HOME": "~/s", "XDG_DATA_HOME": ""},
            "/home/ada/s/rpsg",
            "/home/ada/.local/share/rpsg/models",
        ),
        (
            {"RPSG_HOME": "/srv/rpsg", "XDG_STATE_HOME": "s", "XDG_DATA_HOME": "d"},
            "/srv/rpsg",
            "/srv/rpsg/models",
        ),
    ],
)
def test_the_environment_says_where(
    variables: dict[str, str], state: str, models: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert (state_folder(), models_folder()) == (Path(state), Path(models))


@pytest.mark.parametrize("variable", ["RPSG_HOME", "XDG_STATE_HOME", "HOME"])
def test_a_relative_folder_is_refused_because_each_place_would_have_its_own_account_book(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, "a/b")
    with pytest.raises(UsageError, match=f"{variable} must hold an absolute path") as caught:
        Odometer()
    assert caught.value.hint.endswith(f': export {variable}="$PWD/a/b"')
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("variable", ["RPSG_HOME", "XDG_DATA_HOME", "HOME"])
def test_a_relative_folder_of_models_is_refused_too(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "a/b")
    with pytest.raises(UsageError, match=f"{variable} must hold an absolute path"):
        home_folder("XDG_DATA_HOME", ".local/share")


@pytest.mark.parametrize("variable", ["RPSG_HOME", "XDG_STATE_HOME"])
def test_the_home_of_nobody_is_refused(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "~nosuchuser/x")
    with pytest.raises(UsageError, match=f"{variable} must .* The home folder ~nosuchuser is not") as caught:
        state_folder()
    assert f"export {variable}=/" in caught.value.hint


def test_where_nobody_knows_the_home_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.expanduser", str)
    with pytest.raises(UsageError, match="HOME must hold an absolute path"):
        state_folder()
