"""What is said to somebody who works in Python names keywords, where the command line has options."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import rpsg
from rpsg.cli import main
from rpsg.display import Overview
from rpsg.errors import UsageError, in_python

if TYPE_CHECKING:
    from tests.conftest import Lab

ROOT = Path(rpsg.__file__).parent


@pytest.mark.parametrize(
    ("typed", "spoken"),
    [
        ("Raise --epsilon.", "Raise `epsilon`."),
        ("Try --epsilon 2.", "Try epsilon=2."),
        ("Try --delta 1e-6.", "Try delta=1e-6."),
        ("Give a floor with --floor FILE.", "Give a floor with floor=FILE."),
        ("Use --method floor, which", 'Use method="floor", which'),
        ("such as: --writer smollm2-135m", 'such as: writer="smollm2-135m"'),
        ("take --writer transformers:OWNER/REPO", 'take writer="transformers:OWNER/REPO"'),
        ("Name them with --labels a,b,c.", 'Name them with labels=["a", "b", "c"].'),
        ("say where: --model embedder=PATH (or", 'say where: models={"embedder": PATH} (or'),
        ("say so: --allow-plugin NAME", 'say so: plugins=["NAME"]'),
        ("Leave out --regenerate: all", "Leave out regenerate=True: all"),
        ("evaluate without one: --no-floor", "evaluate without one: write_floor=False"),
        ("No --user column: one row", "No `user` column: one row"),
        ("it lacks --n-public", "it lacks `n_public`"),
        ("with the same -o: what", "with the same `out`: what"),
        ("start a new one in another folder with -o.", "start a new one in another folder with `out`."),
        ("Then run the same command again.", "Then run the same call again."),
    ],
)
def test_an_option_is_said_as_a_keyword(typed: str, spoken: str) -> None:
    assert in_python(typed) == spoken


@pytest.mark.parametrize(
    "command",
    [
        "Say where: rpsg audit RUN --data FILE",
        "Make another: rpsg run ... --audit-holdout 0.5 -o NEW. It costs budget.",
        "see `rpsg explain --epsilon`.",
        "pip install --force-reinstall rpsg",
        "file --mime-encoding FILE",
        "A dash -- like this -- is none, and neither is a--b.",
    ],
)
def test_a_command_remains_as_it_is_typed(command: str) -> None:
    assert in_python(command) == command


def messages() -> set[str]:
    """What the package says, apart from the command line, release files and texts that are no sentences."""
    found = set()
    for path in sorted(ROOT.rglob("*.py")):
        if path.relative_to(ROOT).parts[0] in {"cli", "report", "testing", "errors.py"}:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "hint":
                whole = node.value
                if isinstance(whole, ast.Constant):
                    found.add(str(whole.value))
                elif isinstance(whole, ast.JoinedStr):
                    parts = (v.value if isinstance(v, ast.Constant) else "7" for v in whole.values)
                    found.add("".join(map(str, parts)))
    return found


def test_no_hint_of_the_package_leaves_an_option_outside_a_command() -> None:
    options = {said for said in messages() if re.search(r"(?<![\w-])--[a-z]", said)}
    assert len(options) > 60
    left = {said for said in options if re.search(r"(?<![\w-])--[a-z]", in_python(said))}
    assert {
        said for said in left if not re.search(r"rpsg [a-z]+|pip |python -m|zcat|file --mime", said)
    } == set()


def test_an_error_speaks_to_each_in_their_words(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    path = lab.folder / "rows.csv"
    path.write_text("note,who\nshort text,1\n", encoding="utf-8")
    with pytest.raises(rpsg.RpsgError, match="`text`") as failed:
        rpsg.check(path, text="nothing")
    assert "--text" not in str(failed.value)
    assert main(["check", str(path), "--text", "nothing"]) == failed.value.exit_code
    assert "--text" in capsys.readouterr().err


def test_a_result_speaks_of_keywords_and_never_changes_a_text() -> None:
    card = Overview(
        "t", first="Raise --epsilon.", columns=("text",), rows=(("use --epsilon 2",),), notes=("--real.",)
    )
    for shown in (card.text(), card.html()):
        assert "Raise `epsilon`." in shown
        assert "`real`" in shown
        assert "use --epsilon 2" in shown


def test_the_parts_of_an_error_are_those_of_the_command_line() -> None:
    error = UsageError("No --user column.", hint="Name one with --user.")
    assert error.sentences == "No --user column.\nName one with --user."
    assert str(error) == "No `user` column.\nName one with `user`."
