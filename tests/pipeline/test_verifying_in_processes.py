"""Several processes that check a release find what one finds, and none is left behind."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.attacks.forging import both, in_lines, ledger_of, replaced, sealed_again

from rpsg import api
from rpsg.errors import LostProcessError, UsageError
from rpsg.machine import processes
from rpsg.machine.processes import Processes
from rpsg.pipeline.verification import verify as verifying
from rpsg.release import quality
from rpsg.stages import candidates, cosine_filter, scrub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Lab

    Change = Callable[[Path], None]

TOLD = "Call me any time: anna@example.org"


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory, lab_of: Callable[[Path], Lab]) -> Path:
    """A release, away from its run."""
    lab = lab_of(tmp_path_factory.mktemp("made"))
    run = api.run(lab.plan(lab.file(lab.rows(300))), lab.folder / "run")
    return run.release.rename(tmp_path_factory.mktemp("received") / "release")


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that there are several parts of a few texts."""
    monkeypatch.setattr(processes, "A_PART", 7)
    monkeypatch.setattr(quality, "MANY", 7)


def test_several_processes_find_what_one_finds(received: Path) -> None:
    found = api.verify(received, workers=2)
    assert found.ok
    assert found == api.verify(received, workers=1)


def test_the_other_processes_do_it_and_not_this_one(received: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("this process did it")

    monkeypatch.setattr(candidates, "candidate_of", refuse)
    monkeypatch.setattr(scrub, "scrub_text", refuse)
    monkeypatch.setattr(cosine_filter, "all_echoes", refuse)
    monkeypatch.setattr(quality, "all_echoes", refuse)
    monkeypatch.setattr(quality, "repeats", refuse)
    # What the method does once before anything is spent is not divided.
    assert api.verify(received, workers=2).ok
    echoes = ((cosine_filter, "all_echoes"), (quality, "all_echoes"))
    for module, name in ((candidates, "candidate_of"), (scrub, "scrub_text"), *echoes):
        with monkeypatch.context() as patch:
            patch.undo()
            patch.setattr(module, name, refuse)
            with pytest.raises(pytest.fail.Exception):
                api.verify(received, workers=1)


def in_reply(edit: Callable[[dict[str, str]], object], place: int) -> Change:
    return in_lines("evidence/texts.jsonl", edit, place)


def without_line(name: str, place: int) -> Change:
    def change(release: Path) -> None:
        lines = (release / name).read_text(encoding="utf-8").splitlines(keepends=True)
        (release / name).write_text("".join(lines[:place] + lines[place + 1 :]), encoding="utf-8")

    return change


def failed_before(release: Path) -> None:
    """The release says that the writer failed on its first requests."""
    lines = (release / "evidence" / "texts.jsonl").read_text(encoding="utf-8").splitlines()
    keys = [json.loads(line)["key"] for line in lines[:3]]
    (release / "evidence" / "failed.txt").write_text("".join(f"{key}\n" for key in keys), encoding="utf-8")


def with_address(release: Path) -> None:
    """A released text that no scrubbed text can be."""
    in_lines("corpus.jsonl", lambda row: row.update(text=f"{row['text']} {TOLD}"))(release)


TAMPERED: dict[str, Change] = {
    "a reply is gone": without_line("evidence/texts.jsonl", 30),
    "another reply is gone": without_line("evidence/texts.jsonl", 3),
    "a reply says other words": in_reply(lambda line: line.update(text=f"{line['text']} And more."), 5),
    "a reply was cut": in_reply(lambda line: line.update(finish="length"), 9),
    "a reply is its prompt": in_reply(lambda line: line.update(text="Write a review. Topic: tea"), 11),
    "a reply holds an address": in_reply(lambda line: line.update(text=f"{line['text']} {TOLD}"), 13),
    "a text that was not scrubbed": with_address,
    "the writer failed": failed_before,
    "fewer texts with a fault": replaced("summary.md", "self-BLEU 0.", "self-BLEU 0.0", 1),
    "no text repeats another": replaced("report.html", "repeat themselves", "repeat nothing", 1),
    "another seed": replaced("evidence/plan.toml", "seed = 0", "seed = 1"),
    "a draft was dropped for another reason": replaced(
        "evidence/candidates.jsonl", '["sketch"', '["cosine filter"', 1
    ),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_release_fails_alike(name: str, received: Path, tmp_path: Path) -> None:
    release = Path(shutil.copytree(received, tmp_path / "release"))
    both(TAMPERED[name], sealed_again)(release)
    found = api.verify(release, workers=2)
    assert not found.ok
    assert found == api.verify(release, workers=1)


def of_one(value: int) -> int:
    return value + 1


def broken(value: int) -> int:
    if value == 3:
        raise ValueError("three")
    return value


def killed(value: int) -> int:
    if value == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return value


def asleep(value: int) -> int:
    time.sleep(100)
    return value


@pytest.mark.parametrize("count", [1, 2])
def test_results_come_in_order(count: int) -> None:
    with Processes(count) as several:
        assert list(several.map(of_one, range(20))) == list(range(1, 21))
        assert list(several.map(of_one, [])) == []


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_of_the_work_is_that_error(count: int) -> None:
    with Processes(count) as several:
        found = several.map(broken, range(6))
        assert [next(found) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="three"):
            next(found)


def children() -> set[int]:
    """The processes that this one has started and that run, but for the one that tidies up semaphores."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            told = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes()
            if int(told[1]) == os.getpid() and told[0] != "Z" and b"spawn_main" in command:
                found.add(int(folder.name))
    return found


def test_a_process_that_is_killed_is_an_error_and_leaves_none() -> None:
    before = children()
    with pytest.raises(LostProcessError, match="says nothing about the release"), Processes(2) as several:
        list(several.map(killed, range(6)))
    assert children() == before


def test_a_block_that_is_left_by_an_error_does_not_wait_for_the_work() -> None:
    def stopped() -> None:
        with Processes(2) as several:
            several.map(asleep, range(2))
            assert children() - before, "work has begun; on a busy machine not in both processes yet"
            raise KeyboardInterrupt

    before, since = children(), time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert children() == before
    assert time.monotonic() - since < 60


@pytest.mark.parametrize("error", [OSError, NotImplementedError])
def test_processes_that_cannot_start_are_no_failed_check(
    error: type[Exception], received: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(processes, "ProcessPoolExecutor", refuse)
    with pytest.raises(LostProcessError, match="could not start"):
        api.verify(received, workers=2)


@pytest.mark.parametrize("workers", [1 << 32, 1 << 80])
def test_a_number_that_no_system_can_start_is_no_failed_check(received: Path, workers: int) -> None:
    with pytest.raises(LostProcessError, match="could not start"):
        api.verify(received, workers=workers)


def test_a_lost_process_is_no_failed_check(received: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> None:
        raise LostProcessError("")

    monkeypatch.setattr(verifying, "compared", lost)
    with pytest.raises(LostProcessError):
        api.verify(received, workers=1)


@pytest.mark.parametrize("workers", [0, -1])
def test_fewer_than_one_process_is_refused(received: Path, workers: int) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        api.verify(received, workers=workers)


def test_only_a_large_release_starts_processes_unasked(
    received: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def noted(count: int) -> Processes:
        asked.append(count)
        return Processes(1)

    monkeypatch.setattr(verifying, "Processes", noted)
    monkeypatch.setattr(verifying, "cores", lambda: 6)
    rows = next(o["records"] for o in ledger_of(received)["outputs"] if o["name"] == "corpus.jsonl")
    for least, cores in ((rows + 1, 6), (rows, 6), (rows, 60)):
        monkeypatch.setattr(verifying, "MANY_TEXTS", least)
        monkeypatch.setattr(verifying, "cores", lambda cores=cores: cores)
        api.verify(received, workers=None)
    assert asked == [1, 6, 8]


def test_without_semaphores_no_process_starts_unasked(
    received: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(verifying, "MANY_TEXTS", 1)
    monkeypatch.setattr(verifying, "cores", lambda: 2)
    monkeypatch.setattr(multiprocessing, "get_context", refuse)
    assert api.verify(received, workers=None).ok


@pytest.mark.parametrize("how", ["a file", "standard input"])
def test_a_script_that_checks_is_not_run_by_the_workers(how: str, received: Path, tmp_path: Path) -> None:
    script, hostile = tmp_path / "check.py", tmp_path / "release"
    script.write_text(f"import rpsg\nprint('once', rpsg.verify({str(received)!r}, workers=2).ok)\n")
    hostile.mkdir()
    (hostile / "<stdin>").write_text("open('code of the release ran', 'w').close()\n")
    told, command = ("", str(script)) if how == "a file" else (script.read_text(), "-")
    done = subprocess.run(
        [sys.executable, "-P", command], cwd=hostile, input=told, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("once True\n", "")
    assert [file.name for file in hostile.iterdir()] == ["<stdin>"]


@pytest.fixture
def checking(
    received: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    listens_to_ctrl_c: None,  # the processes inherit it
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts ``rpsg verify`` with two workers in a process group of its own, within a hostile folder."""
    began = list[subprocess.Popen[str]]()
    for name in ("multiprocessing", "concurrent", "random", "numpy", "pickle", "sitecustomize", "struct"):
        (tmp_path / f"{name}.py").write_text("open('code of the release ran', 'w').close()\n")

    def start(*more: str) -> subprocess.Popen[str]:
        # As an installed command: Python then looks beside the script, and not in the current folder.
        script = tmp_path_factory.mktemp("bin") / "rpsg-command"
        script.write_text(
            "import sys\nfrom rpsg.cli import main\nif __name__ == '__main__':\n    sys.exit(main())\n"
        )
        command = [sys.executable, str(script), "verify", str(received), "--workers", "2", *more]
        began.append(
            subprocess.Popen(
                command,
                cwd=tmp_path,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        )
        return began[-1]

    yield start
    for process in began:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def group_of(leader: int) -> dict[int, bytes]:
    """The processes of a group that run, with their command lines."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            told = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(told[2]) == leader and told[0] != "Z":
                found[int(folder.name)] = (folder / "cmdline").read_bytes()
    return found


def first_worker(leader: int) -> int:
    for _ in range(6000):
        for process, command in group_of(leader).items():
            if b"spawn_main" in command:
                return process
        time.sleep(0.01)
    raise AssertionError("no worker started")


def assert_gone(leader: int) -> None:
    for _ in range(3000):
        if not group_of(leader):
            return
        time.sleep(0.01)
    raise AssertionError(f"left behind: {group_of(leader)}")


def test_no_code_in_the_current_folder_runs(
    checking: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = checking()
    out, error = process.communicate(timeout=100)
    assert (process.returncode, error) == (0, "")
    assert "The claim holds" in out
    assert not (tmp_path / "code of the release ran").exists()


@pytest.mark.parametrize("to_all", [True, False], ids=["all", "one"])
def test_ctrl_c_ends_all_of_them(checking: Callable[..., subprocess.Popen[str]], to_all: bool) -> None:
    """A terminal sends the signal to each process of the group."""
    process = checking()
    first_worker(process.pid)
    os.killpg(process.pid, signal.SIGINT) if to_all else process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=100)
    assert (process.returncode, out, error.strip()) == (130, "", "Stopped.")
    assert_gone(process.pid)


def test_a_worker_that_is_killed_is_said_in_one_sentence(
    checking: Callable[..., subprocess.Popen[str]],
) -> None:
    process = checking("--json")
    os.kill(first_worker(process.pid), signal.SIGKILL)
    out, error = process.communicate(timeout=100)
    told = json.loads(out)["error"]
    assert (process.returncode, error) == (LostProcessError.exit_code, "")
    assert told["type"] == "LostProcessError"
    assert "--workers 1" in told["hint"]
    assert_gone(process.pid)


def test_no_worker_outlives_the_command(checking: Callable[..., subprocess.Popen[str]]) -> None:
    process = checking()
    first_worker(process.pid)
    process.kill()
    process.communicate(timeout=100)
    assert_gone(process.pid)
