"""Every failure is one sentence, a next step, and the exit code of its class."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rpsg import errors
from rpsg.cli.app import EXIT_CODES
from rpsg.cli.audit import NOT_RUN
from rpsg.cli.compare import CELLS_FAILED
from rpsg.cli.streams import UNWRITTEN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Api, Rpsg

CLASSES: list[type[errors.RpsgError]] = [errors.RpsgError, *errors.RpsgError.__subclasses__()]
SECRET = "patient Anna Muster"


def made(kind: type[errors.RpsgError]) -> errors.RpsgError:
    if kind is errors.MissingExtraError:
        return errors.MissingExtraError("local", "xllamacpp")
    return kind("It did not work.", hint="Type this.")


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_ends_in_the_exit_code_of_its_class(
    fake: Api, rpsg: Rpsg, kind: type[errors.RpsgError]
) -> None:
    fake.error = made(kind)
    failed = rpsg("run", "-o", "runs", "--quiet")
    assert failed.code == kind.exit_code
    assert failed.out == ""
    assert failed.err == f"{fake.error}\n"


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_with_json_an_error_is_an_object_on_stdout(
    fake: Api, rpsg: Rpsg, kind: type[errors.RpsgError]
) -> None:
    fake.error = made(kind)
    error = rpsg("run", "-o", "runs", "--json").json["error"]
    assert (error["type"], error["exit_code"]) == (kind.__name__, kind.exit_code)
    assert error["hint"]


def test_every_exit_code_is_in_the_help(rpsg: Rpsg) -> None:
    codes = {kind.exit_code for kind in CLASSES} | {0, NOT_RUN, CELLS_FAILED, UNWRITTEN, 130}
    assert codes == {code for code, _ in EXIT_CODES}
    text = " ".join(rpsg("--help").out.split())
    assert all(f"{code} {meaning}" in text for code, meaning in EXIT_CODES)


@pytest.mark.parametrize("debug", ["", "1"], ids=["plain", "debug"])
def test_an_unexpected_error_shows_its_place_but_never_its_message(
    fake: Api, rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch, debug: str
) -> None:
    monkeypatch.setenv("RPSG_DEBUG", debug)
    fake.error = ValueError(SECRET)
    failed = rpsg("run", "-o", "runs")
    assert failed.code == 1
    assert "ValueError at rpsg/cli/commands.py:" in failed.err
    assert SECRET not in failed.err + failed.out
    assert ("in _called" in failed.err) == bool(debug)


def test_the_way_to_an_error_includes_what_caused_it_without_messages(
    fake: Api, rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RPSG_DEBUG", "1")
    fake.error = ValueError(SECRET)
    fake.error.__cause__ = KeyError(SECRET)
    failed = rpsg("run", "-o", "runs")
    assert "KeyError" in failed.err
    assert SECRET not in failed.err


def test_ctrl_c_in_a_run_says_how_to_go_on(fake: Api, rpsg: Rpsg) -> None:
    fake.error = KeyboardInterrupt()
    failed = rpsg("run", "-o", "runs", "--quiet")
    assert (failed.code, failed.out) == (130, "")
    assert failed.err == "Stopped. Run the same command again to resume.\n"


def test_ctrl_c_elsewhere_does_not_promise_to_go_on(fake: Api, rpsg: Rpsg) -> None:
    fake.error = KeyboardInterrupt()
    assert rpsg("plan").err == "Stopped.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run",), "Add -o RUN: folder of the run"),
        (("compare",), "Add FILE: "),
        (("run", "-o", "r", "--epsilon", "much"), "--epsilon"),
        (("rum",), "Did you mean 'run'?\n"),
        (("run", "-o", "r", "--speed", "3"), "rpsg run --help"),
        (("run", "-o", "r", "--epsilon", "-1"), "option --epsilon"),
        (("run", "-o", "r", "--log-json"), "come before the command: rpsg --log-json run ..."),
        (("run", "-o", "r", "--log-level", "info"), "come before the command: rpsg --log-level info run ..."),
        (("--log-level", "loud", "plan"), "'--log-level': 'loud' is not one of"),
    ],
    ids=[
        *("missing", "missing-file", "not-a-number", "no-such-command", "no-such-option", "out-of-range"),
        *("log-after-the-command", "level-after-the-command", "no-such-level"),
    ],
)
def test_a_mistyped_command_is_a_sentence(
    fake: Api, rpsg: Rpsg, arguments: tuple[str, ...], words: str
) -> None:
    failed = rpsg(*arguments)
    assert (failed.code, failed.out) == (2, "")
    assert words in failed.err
    assert "Traceback" not in failed.err


def test_what_a_preview_has_no_use_for_is_told_to_be_left_out(rpsg: Rpsg) -> None:
    """It is typed by somebody who turns ``rpsg plan`` into ``rpsg preview``."""
    option = rpsg("preview", "--encoding", "cp1252").err
    assert "No such option: --encoding.\n" in option
    assert "--encoding is an option of rpsg run, and rpsg preview does not need it" in " ".join(
        option.split()
    )
    file = rpsg("preview", "reviews.csv").err
    assert "rpsg preview reads no private data: leave the file out" in " ".join(file.split())
    assert "--model" in rpsg("verify", "run", "--modle", "a=b").err


def test_what_a_command_takes_without_an_option_is_said_to_who_gives_it_more(rpsg: Rpsg) -> None:
    assert (
        "rpsg evaluate takes only RUN without the name of an option."
        in rpsg("evaluate", "run", "real.csv").err
    )
    assert "Everything that rpsg explain takes is an option." in rpsg("explain", "3").err


def test_a_mistyped_command_with_json_is_an_object(rpsg: Rpsg) -> None:
    assert rpsg("run", "--json").json["error"]["exit_code"] == 2


def test_a_key_is_refused_as_an_option(fake: Api, rpsg: Rpsg) -> None:
    failed = rpsg("run", "-o", "r", "--api-key", SECRET)
    assert failed.code == 2
    assert "A key is never typed as an option" in failed.err
    assert SECRET not in failed.err


def test_a_message_cannot_steer_the_terminal(fake: Api, rpsg: Rpsg) -> None:
    fake.error = errors.DataError("row 3 \x1b[2J of [red]a[/red] :smile: \u202efile", hint="[link]x\x07")
    assert rpsg("plan").err == "row 3 [2J of [red]a[/red] :smile: file\n[link]x\n"


def test_a_reader_that_goes_away_is_no_error() -> None:
    script = "import sys; from rpsg.cli import main; sys.exit(main(['--help']))"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_terminal_without_the_signs_still_gets_the_page(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rpsg.cli", "explain"],
        check=True,
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert b"Epsilon 2" in done.stdout
