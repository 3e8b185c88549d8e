"""What somebody without any key can do to a release: change it, and name and seal what he changed."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpsg.methods.named import method_of
from rpsg.pipeline.publish import build_release
from rpsg.pipeline.verification.claimed import read_claimed
from rpsg.pipeline.verification.replay import made_again
from rpsg.pipeline.verification.verify import plan_to_open
from rpsg.plan import resolve
from rpsg.privacy.claims import claim_text
from rpsg.privacy.facts import Free
from rpsg.privacy.signing import seal
from rpsg.release.public_plan import told_toml

if TYPE_CHECKING:
    from collections.abc import Callable

    Change = Callable[[Path], None]
    Edit = Callable[[dict[str, Any]], object]


def ledger_of(release: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((release / "ledger.json").read_text(encoding="utf-8"))
    return told


def put_ledger(release: Path, body: dict[str, Any]) -> None:
    """The ledger as RPSG spells it, with a new seal."""
    told = seal({key: value for key, value in body.items() if key != "chain"})
    content = json.dumps(told, indent=1, ensure_ascii=False) + "\n"
    (release / "ledger.json").write_text(content, encoding="utf-8")


def sealed_again(release: Path) -> None:
    """A new ledger that names the files as they are now."""
    body = ledger_of(release)
    for output in body["outputs"]:
        file = release / output["name"]
        if file.is_file():
            output["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    for number, line in enumerate(m for m in body["mechanisms"] if m["kind"] == "rounded_gaussian"):
        file = release / "evidence" / f"release-{number:03d}.json"
        if file.is_file():
            line["output_sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    put_ledger(release, body)


def in_ledger(edit: Edit) -> Change:
    """A change of the ledger; its sentence is made to say what its numbers say."""

    def change(release: Path) -> None:
        body = ledger_of(release)
        edit(body)
        if body["claim"]["type"] in {"end_to_end_dp", "voters_only_dp"}:
            body["claim"]["text"] = claim_text(body["claim"], body["privacy_unit"])
        put_ledger(release, body)

    return change


def replaced(name: str, before: str, after: str, count: int = -1) -> Change:
    """Every ``before`` in the file called ``name``, or the first ones, made ``after``."""

    def change(release: Path) -> None:
        text = (release / name).read_text(encoding="utf-8")
        assert before in text, f"{before!r} is not in {name}"
        (release / name).write_text(text.replace(before, after, count), encoding="utf-8")

    return change


def added(name: str, words: str) -> Change:
    def change(release: Path) -> None:
        with (release / name).open("a", encoding="utf-8") as file:
            file.write(words)

    return change


def in_json(name: str, edit: Edit) -> Change:
    """A change of a JSON file, spelled as RPSG spells it."""

    def change(release: Path) -> None:
        body = json.loads((release / name).read_text(encoding="utf-8"))
        edit(body)
        content = json.dumps(body, indent=1, ensure_ascii=False) + "\n"
        (release / name).write_text(content, encoding="utf-8")

    return change


def in_lines(name: str, edit: Edit, place: int = 0) -> Change:
    """A change of one line of a JSON Lines file, or of canonical JSON, in its own spelling."""

    def change(release: Path) -> None:
        lines = (release / name).read_text(encoding="utf-8").splitlines()
        body = json.loads(lines[place])
        edit(body)
        lines[place] = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        (release / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    return change


def both(*changes: Change) -> Change:
    def change(release: Path) -> None:
        for one in changes:
            one(release)

    return change


def in_plan(section: str, key: str, value: str) -> Change:
    """A setting of the plan of the evidence, in the form that a release has."""

    def change(release: Path) -> None:
        file = release / "evidence" / "plan.toml"
        lines = file.read_text(encoding="utf-8").splitlines()
        if f"[{section}]" not in lines:
            lines += ["", f"[{section}]"]
        first = lines.index(f"[{section}]") + 1
        rest = (place for place in range(first, len(lines)) if lines[place].startswith("["))
        last = next(rest, len(lines))
        kept = [line for line in lines[first:last] if not line.startswith(f"{key} = ")]
        told = [*lines[:first], f"{key} = {value}", *kept, *lines[last:]]
        plan = resolve(tomllib.loads("\n".join(told)))
        file.write_text(told_toml(plan, method_of(plan)), encoding="utf-8")

    return change


def built_anew(release: Path, *, parquet: bytes | None = None) -> None:
    """What a liar with this very program does: the whole release again, from what its evidence now says."""
    ledger = ledger_of(release)
    claimed = read_claimed(release, ledger)
    made = made_again(claimed, plan_to_open(release, claimed, {}), {}, (), None)
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "release"
        target.mkdir()
        build_release(target, made, Free.of(ledger), parquet=parquet)
        shutil.rmtree(release)
        shutil.copytree(target, release)
