"""A thousand broken releases, and not one of them hangs ``rpsg verify``, breaks it, or is believed.

Each is a copy of a good release with one thing wrong at random: bytes, JSON, TOML, or what the folder holds.
A part of them is sealed again, so that the damage gets past the hashes. Whatever comes, there is an answer or
one of our own errors. Nothing is sent, started or written outside, and no link is followed.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import Callable  # noqa: TC003  # a list is annotated with it
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.attacks.forging import sealed_again

from rpsg import api
from rpsg.errors import RpsgError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Lab

BATCHES, RAW, SEALED = 10, 92, 12
NASTY: list[Any] = [
    *(None, True, False, "", "x" * 5000, "\u202e\u0000\u001b[2J", "../../etc/passwd", "openai:gpt", [], {}),
    *(-1, 0, 1, 2**31, 2**63, 2**64, 10**40, -0.0, 1e308, 5e-324, 0.1, [[]], {"a": {}}, [None] * 50),
]
TEXTS = [
    "1e999",
    "NaN",
    "-Infinity",
    "9" * 5000,
    '"\\ud800"',
    "[" * 20_000,
    '{"a":' * 20_000,
    '"',
    "",
    "\x00",
]
TOML = [
    *("x = 1", "a" + ".a" * 8000 + " = 1", "x = " + "[" * 5000, 'writer = "openai:gpt-5"', "size = 10000000"),
    *('embedder = "st:evil/model"', 'domain = "/etc"', 'base_url = "http://127.0.0.1:9"', "epsilon = nan"),
    *('key_env = "HOME"', 'name = "nobody"', "max_records_per_user = 1000", "[data]", "oversample = 100.0"),
    *('embedder = "/dev/zero"', 'scorer = "transformers:x"', "rounds = 10", "n_public = 999999999999", "'''"),
    *('donor_list = "/etc/passwd"', "labels = [1]", "seed = 9223372036854775808", "threads = 256"),
]


class Watch:
    """Hears of what this process does while it is on; an audit hook cannot be taken away again."""

    def __init__(self) -> None:
        self.is_on = False
        self.inside: tuple[str, ...] = ()
        self.bait = ""
        self.heard: list[str] = []

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.is_on:
            return
        if event in {
            "socket.connect",
            "socket.getaddrinfo",
            "subprocess.Popen",
            "os.system",
            "os.exec",
            "os.fork",
        }:
            self.heard.append(event)
        elif event == "open" and isinstance(args[0], str | bytes | os.PathLike):
            self._opened(os.fsdecode(args[0]), args[2] if isinstance(args[2], int) else 0)
        elif event in {"os.remove", "os.rename", "os.mkdir", "os.rmdir"}:
            path = os.fsdecode(args[0]) if isinstance(args[0], str | bytes | os.PathLike) else ""
            if path.startswith("/") and not path.startswith(self.inside):
                self.heard.append(f"{event} {path}")

    def _opened(self, path: str, flags: int) -> None:
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        if self.bait in path or (writes and path.startswith("/") and not path.startswith(self.inside)):
            self.heard.append(f"open {path}")


WATCH = Watch()


@pytest.fixture(scope="module")
def hook() -> Watch:
    sys.addaudithook(WATCH)
    return WATCH


@pytest.fixture(scope="module")
def good(lab_of: Callable[[Path], Lab], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Small releases of three methods, and nothing else of their runs."""
    lab = lab_of(tmp_path_factory.mktemp("good"))
    file, found = lab.file(lab.rows(200)), []
    for name in ("strict", "split", "floor"):
        run = api.run(lab.plan(file, method={"name": name}, corpus={"size": 6}), lab.folder / name)
        found.append(run.release.rename(lab.folder / f"good-{name}"))
    return found


@pytest.fixture
def watched(hook: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Temporary files in a folder of the test's own."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    hook.inside, hook.bait, hook.heard = (str(scratch), "/dev/null"), str(tmp_path / "bait"), []
    yield hook
    hook.is_on = False


def files(release: Path) -> list[Path]:
    return sorted(path for path in release.rglob("*") if path.is_file())


def change_bytes(release: Path, dice: random.Random) -> None:
    path = dice.choice(files(release))
    told = bytearray(path.read_bytes())
    place = dice.randrange(len(told) + 1)
    kind = dice.randrange(7)
    if kind == 0 and told:
        told[place - 1] ^= 1 << dice.randrange(8)
    elif kind == 1:
        del told[place:]
    elif kind == 2:
        told[place:place] = dice.choice([b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\r\n", b" "])
    elif kind == 3:
        told = told * 2
    elif kind == 4:
        told = bytearray(dice.choice(files(release)).read_bytes())
    elif kind == 5:
        told = bytearray()
    else:
        del told[place : place + dice.randrange(1, 40)]
    path.write_bytes(told)


def change_json(release: Path, dice: random.Random) -> None:
    path = dice.choice([f for f in files(release) if f.suffix in {".json", ".jsonl"}])
    lines = path.read_text(encoding="utf-8").splitlines() if path.suffix == ".jsonl" else [path.read_text()]
    place = dice.randrange(len(lines))
    body = json.loads(lines[place])
    spots = list(spots_of(body))
    holder, key = dice.choice(spots)
    kind = dice.randrange(4)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[dice.choice(["x", "\u0000", "__class__", "claim", "signature"])] = dice.choice(NASTY)
    else:
        holder[key] = dice.choice(NASTY)
    spelled = (
        {"indent": 1}
        if path.suffix == ".json" and "release-" not in path.name
        else {"sort_keys": True, "separators": (",", ":")}
    )
    told = json.dumps(body, ensure_ascii=kind == 3, **spelled)  # two spellings
    if kind == 2:
        told = (
            told.replace(":", f": {dice.choice(TEXTS)} ,", 1) if dice.random() < 0.5 else dice.choice(TEXTS)
        )
    lines[place] = told
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogatepass")


def spots_of(body: Any) -> Iterator[tuple[Any, Any]]:
    pairs = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in pairs:
        yield body, key
        yield from spots_of(value)


def change_toml(release: Path, dice: random.Random) -> None:
    path = release / "evidence" / dice.choice(["plan.toml", "pack/pack.toml"])
    lines = path.read_text(encoding="utf-8").splitlines()
    place, new = dice.randrange(len(lines)), dice.choice(TOML)
    key = new.partition(" = ")[0]
    same = [i for i, line in enumerate(lines) if line.startswith(f"{key} =")]
    if same and dice.random() < 0.8:
        lines[same[0]] = new
    elif dice.random() < 0.5:
        lines.insert(place, new)
    else:
        name = lines[place].partition(" = ")[0]
        lines[place] = f"{name} = {json.dumps(dice.choice(NASTY[:20]))}"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def a_socket(path: Path, _: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path.name)
    os.chdir(here)


#: What may lie in the place of a file: (the place, a file outside of the release).
INSTEAD: list[Callable[[Path, Path], object]] = [
    lambda path, bait: path.symlink_to(bait),
    lambda path, _: path.symlink_to(path.name),
    lambda path, _: os.mkfifo(path),
    lambda path, _: path.mkdir(),
    lambda _path, _bait: None,
    a_socket,
]


def a_strange_name(inside: Path, dice: random.Random) -> None:
    names = [b"n" * 250, b"a\nb", b"\x1b[2J", b"-rf", b".hidden", b"corpus.jsonl.bak", b"\xff\xfe.txt"]
    with open(os.fsencode(inside) + b"/" + dice.choice(names), "wb"):  # noqa: PTH123  # not all are text
        pass


def many_files(inside: Path, _: random.Random) -> None:
    for number in range(600):
        (inside / f"{number}.txt").touch()


def a_linked_folder(inside: Path, _: random.Random) -> None:
    shutil.rmtree(inside)
    inside.symlink_to(inside.parent)


def a_vast_hole(inside: Path, dice: random.Random) -> None:
    os.truncate(dice.choice(files(inside)), 1 << 38)  # it takes no place on the disk


def two_swapped(inside: Path, dice: random.Random) -> None:
    chosen = dice.sample(files(inside), 2)
    first, second = (path.read_bytes() for path in chosen)
    chosen[0].write_bytes(second)
    chosen[1].write_bytes(first)


STRANGE: list[Callable[[Path, random.Random], object]] = [
    a_strange_name,
    many_files,
    a_linked_folder,
    a_vast_hole,
    two_swapped,
    lambda inside, _: (inside / "more").mkdir(),
]


def change_folder(release: Path, dice: random.Random) -> None:
    if dice.random() < 0.5:
        path = dice.choice(files(release))
        path.unlink()
        dice.choice(INSTEAD)(path, release.parent / "bait")
    else:
        inside = dice.choice([release, release / "evidence", release / "evidence" / "pack"])
        dice.choice(STRANGE)(inside, dice)


KINDS = [change_bytes, change_json, change_json, change_toml, change_folder]


def meaning(release: Path) -> dict[str, Any]:
    """What a release says, without what follows from nothing else in it."""
    found: dict[str, Any] = {}
    for path in sorted(release.rglob("*")):
        if not stat.S_ISDIR(path.lstat().st_mode):
            found[path.relative_to(release).as_posix()] = path.read_bytes() if path.is_file() else b""
    ledger = json.loads(found.pop("ledger.json"))
    for free in ("ledger_id", "chain", "code", "private_commitment"):
        ledger.pop(free, None)
    for line in ledger["mechanisms"]:
        line.pop("output_sha256", None)
    derived = "evidence/texts.jsonl" in found
    for name in [name for name in found if name.startswith("evidence/release-")]:
        answer = json.loads(found.pop(name))
        if derived:  # what voters answered decided about rows that nobody can derive
            found[name] = {key: value for key, value in answer.items() if key != "draw"}
    return {**found, "ledger": json.dumps(ledger)}


def answered(release: Path, watched: Watch) -> bool:
    """Whether verify believes the release; an error of ours is an answer too."""
    watched.is_on = True
    try:
        return api.verify(release).ok
    except RpsgError:
        return False
    finally:
        watched.is_on = False


def one(release: Path, source: Path, watched: Watch, dice: random.Random, *, seals: bool) -> None:
    shutil.copytree(source, release)
    change = dice.choice(KINDS[:4] if seals else KINDS)
    change(release, dice)
    if seals:
        with contextlib.suppress(ValueError, LookupError, TypeError, RecursionError, AttributeError, OSError):
            sealed_again(release)  # some are so broken that there is nothing to seal
    believed = answered(release, watched)
    assert watched.heard == [], change.__name__
    if believed:
        assert meaning(release) == meaning(source), change.__name__
    assert list(Path(tempfile.gettempdir()).iterdir()) == []
    if release.is_symlink():
        release.unlink()
    else:
        shutil.rmtree(release)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_broken_releases_get_an_answer_and_are_not_believed(
    good: list[Path], watched: Watch, tmp_path: Path, batch: int
) -> None:
    (tmp_path / "bait").write_text("a file of the reader's own")
    for number in range(RAW + SEALED):
        dice = random.Random(batch * 1000 + number)
        one(tmp_path / "received", good[number % 3], watched, dice, seals=number >= RAW)
    assert (tmp_path / "bait").read_text() == "a file of the reader's own"


def test_the_unbroken_ones_are_believed_so_there_is_something_to_break(
    good: list[Path], watched: Watch
) -> None:
    assert all(answered(release, watched) for release in good)
    assert watched.heard == []
