"""``rpsg compare``: what it says, what it writes, and how it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.compare.conftest import small, written

from rpsg.cli import main
from rpsg.cli.compare import CELLS_FAILED
from rpsg.models.fake import FakeWriter
from rpsg.privacy.odometer import Odometer
from rpsg.testing.lab import plugged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.metadata import EntryPoint
    from pathlib import Path

    from tests.conftest import Lab

    from rpsg.protocols import OnReply, Reply, Request


class Refusing(FakeWriter):
    def write(self, requests: Sequence[Request], on_reply: OnReply | None = None) -> list[Reply]:
        raise AssertionError("a dry run sent something")


@pytest.fixture(autouse=True)
def cells_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cell by the command that its own process would be started with; ``test_stopped`` starts some."""

    def cell(folder: Path, name: str, *, spend: bool, quiet: bool) -> int:
        return main(["compare", str(folder), "--cell", name, "--quiet", *(["--spend"] if spend else [])])

    monkeypatch.setattr("rpsg.compare.runner.in_a_process", cell)


@pytest.fixture
def done(matrix_file: Callable[..., Path], lab: Lab) -> tuple[Path, Path]:
    """The file of a comparison and the folder where it was run."""
    file, out = matrix_file(people=[150, 9000]), lab.folder / "out"
    assert main(["compare", str(file), "-o", str(out), "-q"]) == CELLS_FAILED
    return file, out


def test_a_dry_run_does_not_list_installed_packages_for_each_cell(
    matrix_file: Callable[..., Path], lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading the metadata of all packages took most of the time of a forecast, and each cell has one."""
    file, listed = matrix_file(seeds=[0, 1, 2]), list[str]()

    def installed(*, group: str) -> list[EntryPoint]:
        listed.append(group)
        return []

    monkeypatch.setattr("rpsg.registry.entry_points", installed)
    assert main(["compare", str(file), "--dry-run"]) == 0
    assert len(listed) <= 2  # those of metrics, and those of embedders for the evaluation


def test_a_dry_run_sends_nothing_reads_nothing_and_tells_every_cell(
    matrix_file: Callable[..., Path], lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    file = matrix_file(writers=["refusing"], epsilon=[2, float("inf")])
    lab.file([], "data.jsonl").unlink()  # a dry run does not even look for the texts
    with plugged("writers", {"refusing": lambda *_args, **_more: Refusing()}):
        for option in ("--dry-run", "--plan"):
            assert main(["compare", str(file), option]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "epsilon 2" in told
    assert "not supported: strict always adds noise" in told
    assert "a separate account" in told
    assert not Odometer.is_there()
    assert {path.name for path in lab.folder.iterdir()} <= {"compare.toml"}


def test_a_dry_run_as_json_has_calls_tokens_time_and_cost_of_each_cell(
    matrix_file: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(matrix_file(seeds=[0, 1])), "--dry-run", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["forecast"]
    strict = [cell for cell in found["cells"] if cell["key"]["method"] == "strict"]
    assert len(strict) == 2
    assert all(cell["requests"] > 12 and cell["tokens"] > 1000 for cell in strict)
    assert {"seconds", "cost", "id"} <= strict[0].keys()
    assert found["together"]["tokens"] == sum(cell["tokens"] for cell in found["cells"])


def test_a_cell_that_would_be_refused_is_told_before_anything_runs(
    matrix_file: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(matrix_file(methods=["dpsgd"])), "--dry-run"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "would fail: The writer fake has no weights that RPSG can train." in told


def test_private_texts_show_what_all_cells_together_would_cost(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = small(lab, seeds=[0, 1, 2])
    settings["data"][0]["public"] = False
    assert main(["compare", str(written(lab.folder / "c.toml", settings)), "--dry-run"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "3 cells read these texts (3 seeds of each)." in told
    assert "cost epsilon 7." in told
    assert "whose limit is 8" in told


def test_one_cell_is_told_as_one(
    lab: Lab, matrix_file: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(matrix_file()), "--dry-run"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "1 cell reads these texts, each with a separate account" in told
    settings = small(lab)
    settings["data"][0]["public"] = False
    assert main(["compare", str(written(lab.folder / "c.toml", settings)), "--dry-run"]) == 0
    assert "1 cell reads these texts (1 seed of each)." in " ".join(capsys.readouterr().out.split())


def test_cells_that_failed_are_told_and_the_exit_code_says_so(
    done: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = done
    capsys.readouterr()
    assert main(["compare", str(file), "-o", str(out), "-q"]) == CELLS_FAILED
    told = " ".join(capsys.readouterr().out.split())
    assert "fewer than 9,000 people" in told
    assert "Failed or stopped" in told


def test_what_is_there_can_be_shown_and_exported_without_running_anything(
    done: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out = done
    capsys.readouterr()
    files = {name: tmp_path / f"it.{name}" for name in ("csv", "latex", "html")}
    options = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    assert main(["compare", str(out), "--show", "--json", *options]) == 0
    found = json.loads(capsys.readouterr().out)
    states = [cell["state"] for cell in found["comparison"]["cells"]]
    assert states.count("done") == 3
    assert states.count("failed") == 1
    assert found["page"] == str(out / "comparison.html")
    assert "strict" in files["csv"].read_text()
    assert r"\toprule" in files["latex"].read_text()
    assert files["html"].read_text() == (out / "comparison.html").read_text()
    assert all(file.stat().st_mode & 0o077 == 0 for file in files.values())


def test_progress_tells_which_cell_is_at_work_and_how_long_the_rest_takes(
    matrix_file: Callable[..., Path], lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(matrix_file()), "-o", str(lab.folder / "out")]) == 0
    told = capsys.readouterr().err
    assert "2 of 3: invented, strict, fake, epsilon 4, 150 people, 12 texts, seed 0" in told
    assert "1 of 3: done; about " in told
    assert "3 of 3: done\n" in told


def test_the_time_of_private_texts_is_not_shown(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    settings = small(lab)
    settings["data"][0]["public"] = False
    file = written(lab.folder / "c.toml", settings)
    assert main(["compare", str(file), "-o", str(lab.folder / "out"), "--spend"]) == 0
    seen = capsys.readouterr()
    assert "left" not in seen.err
    assert "Internal: " in seen.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "needs a folder"),
        (["-o", "out", "--data", "invented"], "names no file"),
        (["-o", "out", "--data", "poems=x.txt"], "no data set 'poems'"),
        (["-o", "out", "--audit-holdout", "2"], "audit.holdout"),
        (["-o", "out", "--html", "nowhere/page.html"], "The folder nowhere does not exist"),
    ],
)
def test_what_cannot_be_done_is_told_with_what_to_type(
    matrix_file: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    options: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compare", str(matrix_file()), *options]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"methods": ["nonsense"]}, "Use one of: strict"),
        ({"evaluation": {"metrics": ["nonsense"], "embedder": "fake"}}, "Use one of: fid"),
        ({"evaluation": {"embedder": "nonsense"}}, "Use one of: minilm"),
    ],
)
def test_an_unknown_name_is_told_with_the_names_there_are(
    matrix_file: Callable[..., Path], capsys: pytest.CaptureFixture[str], changes: dict[str, Any], said: str
) -> None:
    for more in (["--dry-run"], ["-o", "out"]):
        assert main(["compare", str(matrix_file(**changes)), *more]) == 2
        assert said in " ".join(capsys.readouterr().err.split())


def test_a_cell_can_be_run_alone_once_the_comparison_was_begun(
    matrix_file: Callable[..., Path], lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = matrix_file(), lab.folder / "out"
    assert main(["compare", str(file), "-o", str(out), "--cell", "any"]) == 7
    assert "Begin one with" in capsys.readouterr().err
    assert main(["compare", str(file), "-o", str(out), "-q"]) == 0
    capsys.readouterr()
    assert main(["compare", str(file), "--dry-run", "--json"]) == 0
    ids = [cell["id"] for cell in json.loads(capsys.readouterr().out)["forecast"]["cells"]]
    assert main(["compare", str(out), "--cell", ids[1], "-q"]) == 0
    assert main(["compare", str(out), "--cell", "any"]) == 2
    assert "no cell with this id" in capsys.readouterr().err


def test_nothing_is_written_over_the_texts(
    matrix_file: Callable[..., Path], lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    file = matrix_file()
    before = (lab.folder / "data.jsonl").read_bytes()
    assert main(["compare", str(file), "-o", "out", "--csv", str(lab.folder / "data.jsonl")]) == 2
    assert (lab.folder / "data.jsonl").read_bytes() == before
    assert "reads and must not change" in " ".join(capsys.readouterr().err.split())


def test_the_help_teaches_what_a_comparison_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for words in ("Start with --dry-run", "finished cells are kept", "Private texts need --spend"):
        assert words in told
