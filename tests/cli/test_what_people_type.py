"""Slips at the keyboard and odd places for output: each is a sentence with what to type next, or it works."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.models.openai.faulty import Asked, FaultyServer, answer

from rpsg import api
from rpsg.models.fake import FakeWriter
from rpsg.protocols import Message, Request

if TYPE_CHECKING:
    from tests.cli.conftest import Api, Outcome, Rpsg

FAKES = (
    "--writer",
    "fake",
    "--embedder",
    "fake",
    "--epsilon",
    "8",
    "--delta",
    "1e-5",
    "--size",
    "8",
    "--quiet",
)


@pytest.fixture(autouse=True)
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with rows.jsonl, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    rows = [{"text": f"The soup number {n} came late and cold.", "user": n} for n in range(400)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def started(rpsg: Rpsg, *more: str) -> Outcome:
    return rpsg("run", "rows.jsonl", "--user", "user", *FAKES, *more)


def told(outcome: Outcome) -> str:
    return " ".join(outcome.err.split())


# -- commands ---------------------------------------------------------------------------------------------

#: What is typed, the exit code, and what is said.
SLIPS: dict[str, tuple[str, int, str]] = {
    "a command with a slip": ("runn rows.jsonl", 2, "Did you mean 'run'?"),
    "an option with a slip": ("run rows.jsonl --usr user -o run", 2, "--user"),
    "a comma in a number": ("run rows.jsonl --epsilon 1,5 -o run", 2, "'--epsilon': must be a number."),
    "a budget below zero": (
        "plan rows.jsonl --epsilon -1",
        2,
        "privacy.epsilon: must be greater than 0",
    ),
    "a delta above one": ("plan rows.jsonl --delta 2", 2, "option --delta"),
    "no texts": ("plan rows.jsonl --size 0", 2, "option --size"),
    "labels without a column": ("plan rows.jsonl --labels a,b", 2, "name it with --label"),
    "a pack that is not there": ("plan rows.jsonl --domain medicine", 2, "Use one of: abstracts, clinical"),
    "no plan file": ("plan --config nothere.toml", 2, "rpsg init"),
    "no data": ("plan nothere.jsonl", 3, "does not exist"),
    "no real texts": ("evaluate rows.jsonl --real nothere.jsonl", 3, "nothere.jsonl does not exist"),
    "no run to verify": ("verify nothere", 8, "There is no release in nothere"),
    "a file to verify": ("verify rows.jsonl", 8, "There is no release in"),
    "no run to report": ("report nothere", 7, "There is no finished run in"),
    "no matrix": ("compare nothere.toml", 2, "There is no comparison nothere.toml"),
    "no model": ("models pull nomodel", 2, "The catalogue has: gemma-3-270m"),
}


@pytest.mark.parametrize("what", SLIPS)
def test_a_slip_is_a_sentence_with_its_code(rpsg: Rpsg, what: str) -> None:
    line, code, says = SLIPS[what]
    done = rpsg(*line.split())
    assert (done.code, says in told(done)) == (code, True), told(done)
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('[modles]\nwriter = "fake"\n', "perhaps 'models' is meant"),
        (
            '[data]\nuzer = "user"\n',
            "perhaps 'user' is meant. It was set here: data.uzer: file my plan.toml.",
        ),
        ('[privacy]\nepsilon = "two"\n', "privacy.epsilon: file my plan.toml"),
        ("[data\n", "is not valid TOML"),
        ("[data]\ntext = 12\n", "data.text"),
    ],
)
def test_a_slip_in_a_plan_file_is_named_with_its_place(rpsg: Rpsg, content: str, says: str) -> None:
    Path("my plan.toml").write_text(content)
    done = rpsg("plan", "rows.jsonl", "--config", "my plan.toml")
    assert done.code == 2
    assert says in told(done)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'[corpus]\nabout = "caf\xe9"\n', "my plan.toml is not in UTF-8. Open it in an editor"),
        ('[data]\npath = "x"\n'.encode("utf-16"), "is not in UTF-8"),
        (b'[data]\npath = "C:\\Users\\me.csv"\n', r"in single quotes: 'C:\Users"),
        (b'[data]\npath = "D:\\notes\\me.csv"\n', r"in single quotes: 'C:\Users"),
    ],
)
def test_a_plan_file_of_an_editor_on_windows_says_what_to_do(rpsg: Rpsg, content: bytes, says: str) -> None:
    Path("my plan.toml").write_bytes(content)
    done = rpsg("plan", "--config", "my plan.toml")
    assert (done.code, says in told(done)) == (2, True), told(done)


def test_a_plan_file_may_begin_with_a_byte_order_mark(rpsg: Rpsg) -> None:
    Path("my plan.toml").write_text("[privacy]\nepsilon = 3.0\n", encoding="utf-8-sig")
    done = rpsg("plan", "rows.jsonl", "--config", "my plan.toml", "--json")
    assert json.loads(done.out)["settings"]["privacy.epsilon"]["value"] == 3.0


def test_of_an_option_that_is_given_twice_the_last_one_counts(rpsg: Rpsg) -> None:
    assert started(rpsg, "--epsilon", "4", "--epsilon", "6", "-o", "run").code == 0
    ledger = json.loads(Path("run/release/ledger.json").read_text())
    assert ledger["claim"]["epsilon"] == 6


def test_of_a_list_that_is_given_twice_all_values_count(rpsg: Rpsg) -> None:
    Path("rows.csv").write_text("text,kind,p,q\nThe soup was cold.,a,x,1\n")
    more = ("--labels", "a", "--labels", 'b,"c, d"', "--columns", "p=x|y", "--columns", "q=1<2")
    found = rpsg("plan", "rows.csv", "--label", "kind", *more, "--json")
    settings = json.loads(found.out)["settings"]
    assert settings["data.labels"]["value"] == ["a", "b", "c, d"]
    assert settings["data.columns"]["value"] == ["p=x|y", "q=1<2"]


def test_a_real_text_file_that_is_not_there_is_no_bug_of_a_run_s_evaluation(rpsg: Rpsg) -> None:
    assert started(rpsg, "-o", "run").code == 0
    done = rpsg("evaluate", "run", "--real", "nothere.jsonl", "--embedder", "fake")
    assert done.code == 3
    assert "nothere.jsonl does not exist" in told(done)


# -- outputs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["my run", "émoji 🙂", "new folder/below it", "it's mine", "costs $5; or more", "a (copy) & b"]
)
def test_a_run_may_have_any_name_and_the_next_command_can_be_pasted(rpsg: Rpsg, name: str) -> None:
    import shlex  # only here: what a shell would make of a line

    done = started(rpsg, f"--out={name}")
    assert done.code == 0, told(done)
    assert Path(name, "release", "ledger.json").is_file()
    line = next(line.strip() for line in (done.out + done.err).splitlines() if "rpsg verify" in line)
    words = shlex.split(line)[1:]
    assert rpsg(*words).code == 0


def test_a_file_in_the_place_of_a_run_is_told_and_kept(rpsg: Rpsg) -> None:
    Path("run").write_text("my notes")
    done = started(rpsg, "-o", "run")
    assert done.code == 7
    assert "is a link, or is a file where a folder should be. Choose a new or empty folder" in told(done)
    assert Path("run").read_text() == "my notes"


def test_a_link_in_the_place_of_a_run_is_not_followed(rpsg: Rpsg) -> None:
    Path("elsewhere").mkdir()
    Path("run").symlink_to("elsewhere")
    done = started(rpsg, "-o", "run")
    assert done.code == 7
    assert "name the folder that it leads to" in told(done)
    assert not list(Path("elsewhere").iterdir())


@pytest.mark.parametrize("place", [".", "rows.jsonl/run", "/proc/nothere/run"])
def test_a_place_that_cannot_be_a_run_is_told(rpsg: Rpsg, place: str) -> None:
    done = started(rpsg, "-o", place)
    assert done.code == 7
    assert "folder" in told(done)
    assert "-o" in told(done)


@pytest.mark.parametrize("name", ["new\nline", "x" * 300])
def test_a_name_that_no_folder_can_have_is_told(rpsg: Rpsg, name: str) -> None:
    done = started(rpsg, "-o", name)
    assert done.code == 2
    assert "A path is a single line" in told(done)
    assert "json.dumps" not in told(done)


def test_a_state_folder_that_is_a_file_is_told(rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("state").write_text("")
    monkeypatch.setenv("RPSG_HOME", str(Path("state").absolute()))
    done = started(rpsg, "-o", "run")
    assert done.code == 7
    assert "RPSG_HOME" in told(done)


def test_a_run_that_was_moved_is_verified_and_continued_where_it_is(rpsg: Rpsg) -> None:
    assert started(rpsg, "-o", "run").code == 0
    shutil.move("run", "moved here")
    assert rpsg("verify", "moved here").code == 0
    assert started(rpsg, "-o", "moved here").code == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere, so no folder is closed to it")
def test_the_bill_of_a_run_is_read_from_a_medium_that_takes_no_writes(rpsg: Rpsg) -> None:
    assert started(rpsg, "-o", "run").code == 0
    folders = [folder for folder in (Path("run"), *Path("run").rglob("*")) if folder.is_dir()]
    for folder in folders:
        folder.chmod(0o500)
    try:
        assert rpsg("calls", "run").code == 0
        assert rpsg("verify", "run").code == 0
    finally:
        for folder in folders:
            folder.chmod(0o700)


@pytest.mark.parametrize("columns", ["20", "400", "0", "many"])
def test_a_page_fits_any_terminal(rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert rpsg("plan", "rows.jsonl", "--writer", "fake", "--embedder", "fake").code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["told to end", "terminal closed"])
def test_a_command_that_is_told_to_end_stops_as_with_ctrl_c(
    fake: Api, rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """So what it opened is closed, and no temporary folder is left. Afterwards the signal is what it was."""
    # Tests that run under nohup inherit a SIGHUP that is ignored, which the command would leave so.
    inherited = signal.signal(number, signal.SIG_DFL)
    left = []

    def told_to_end(*_: object, **__: object) -> None:
        try:
            os.kill(os.getpid(), number)
            signal.sigtimedwait([], 5)  # the handler runs before this is over
        finally:
            left.append("cleaned up")

    monkeypatch.setattr(api, "verify", told_to_end)
    try:
        done = rpsg("verify", "run")
        assert (done.code, left) == (130, ["cleaned up"])
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, inherited)


def test_under_nohup_a_command_outlives_its_terminal(
    fake: Api, rpsg: Rpsg, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:

        def verify_while_the_terminal_closes(*_: object, **__: object) -> object:
            os.kill(os.getpid(), signal.SIGHUP)
            return fake.verified

        monkeypatch.setattr(api, "verify", verify_while_the_terminal_closes)
        assert rpsg("verify", "run").code == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


# -- a server with odd habits -----------------------------------------------------------------------------


def test_control_characters_in_every_reply_reach_no_file_of_the_release(rpsg: Rpsg) -> None:
    """And the CSV file of the release is one that is read back."""
    odd, writer = "\x00\x07\x1b[31m\u202e", FakeWriter()

    def reply(asked: Asked) -> Any:
        messages = tuple(Message(m["role"], m["content"]) for m in asked.body["messages"])
        (said,) = writer.write([Request(messages, 60, asked.body.get("seed", 0))])
        return answer(said.text.replace(" ", f" {odd}", 2) + odd, name=str(asked.body.get("seed")))

    with FaultyServer(reply) as server:
        done = started(rpsg, "--writer", "openai:m", "--base-url", server.url, "-o", "run")
    assert done.code == 0, told(done)
    for file in ("corpus.csv", "corpus.jsonl", "summary.md"):
        content = Path("run/release", file).read_text(encoding="utf-8")
        assert not [
            mark for mark in ("\x00", "\x07", "\x1b", "\\u0000", "\\u001b", "\u202e") if mark in content
        ]
    again = rpsg("evaluate", "run/release/corpus.csv", "--real", "rows.jsonl", "--embedder", "fake")
    assert again.code == 0, told(again)


@pytest.mark.parametrize("pack", ["generic", "clinical"])
def test_a_survey_of_three_hundred_is_told_what_it_can_carry_before_anything_is_spent(
    rpsg: Rpsg, pack: str
) -> None:
    """With its number declared, what cannot work costs nothing, and what the plan approves is run."""
    lines = Path("rows.jsonl").read_text().splitlines(keepends=True)[:300]
    Path("rows.jsonl").write_text("".join(lines))
    size = ("--user", "user", "--domain", pack, "--n-public", "300", "--writer", "fake", "--embedder", "fake")
    planned = rpsg("plan", "rows.jsonl", *size)
    assert planned.code == 0
    assert "300" in planned.out
    assert started(rpsg, "--domain", pack, "--n-public", "300", "-o", "run").code == 0
    few = (*size[:-6], "--n-public", "30", "--writer", "fake", "--embedder", "fake", "--epsilon", "0.5")
    for command in (
        ("plan", "rows.jsonl", *few),
        ("run", "rows.jsonl", *few, "--account", "other", "-o", "few"),
    ):
        refused = rpsg(*command)
        assert refused.code == 4
        assert "--method floor" in told(refused)
    assert not any(
        account["totals"] for account in rpsg("budget", "--account", "other", "--json").json["accounts"]
    )


def test_values_with_commas_are_told_apart_in_the_preview(rpsg: Rpsg) -> None:
    fakes = ("--writer", "fake", "--embedder", "fake")
    shown = " ".join(rpsg("plan", *fakes, "--domain", "support-es", "--method", "floor").out.split())
    assert "necesito ayuda; una pregunta" in shown
    assert "corto, medio, largo" in shown
