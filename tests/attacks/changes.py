"""Ways to change a release so that it says more than is true."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

from tests.attacks.forging import (
    in_ledger,
    in_lines,
    ledger_of,
    put_ledger,
    replaced,
)

from rpsg.models.fake import FakeEmbedder
from rpsg.privacy.accounting import plan_sha256
from rpsg.privacy.claims import NO_PRIVATE_DATA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Change = Callable[[Path], None]

BODY = "corpus.jsonl"


def lower_epsilon(body: dict[str, Any]) -> None:
    claim, plan = body["claim"], body["stage_plan"]
    claim["epsilon"] = plan["epsilon"] = 1.0
    claim["epsilon_by_accountant"]["gdp-closed-form"] = 0.99
    claim["epsilon_replace_one"] = 1.4
    body["plan_sha256"] = plan_sha256(plan)


def group_of_a_hundred(body: dict[str, Any]) -> None:
    body["claim"]["epsilon_group"]["100"] = 2.0
    body["claim"]["delta_group"]["100"] = 1e-6


def more_noise(body: dict[str, Any]) -> None:
    for line in (*body["mechanisms"], *body["stage_plan"]["releases"]):
        line["sigma"] *= 10
    body["plan_sha256"] = plan_sha256(body["stage_plan"])


def more_noise_and_its_evidence(release: Path) -> None:
    in_ledger(more_noise)(release)
    plan = ledger_of(release)["plan_sha256"]
    for file in sorted((release / "evidence").glob("release-*.json")):
        in_lines(f"evidence/{file.name}", lambda told: told.update(plan_sha256=plan))(release)


def without_the_last_question(release: Path) -> None:
    body = ledger_of(release)
    body["mechanisms"] = body["mechanisms"][:-1]
    body["stage_plan"]["releases"] = body["stage_plan"]["releases"][:-1]
    body["plan_sha256"] = plan_sha256(body["stage_plan"])
    body["replay"]["evidence_files"] -= 1
    put_ledger(release, body)
    max((release / "evidence").glob("release-*.json")).unlink()
    for file in sorted((release / "evidence").glob("release-*.json")):
        in_lines(f"evidence/{file.name}", lambda told: told.update(plan_sha256=body["plan_sha256"]))(release)


def no_private_data(release: Path) -> None:
    """A strict run's ledger, dressed as one that read nothing."""

    def edit(body: dict[str, Any]) -> None:
        body.update(reads="nothing", method="floor", mechanisms=[])
        body["claim"] = {"type": "no_private_data", "text": NO_PRIVATE_DATA}
        body["egress"][0]["carries"] = "public_only"
        body["rng"].update(source="none", tv_bound_total=0.0)
        for key in ("stage_plan", "plan_sha256", "replay", "private_commitment"):
            body.pop(key, None)

    in_ledger(edit)(release)
    replaced("evidence/plan.toml", 'name = "strict"', 'name = "floor"')(release)
    for file in (release / "evidence").glob("release-*.json"):
        file.unlink()


def raw_rows(release: Path) -> None:
    """Four hundred rows where the votes chose among sixty candidates."""
    lines = (release / BODY).read_text(encoding="utf-8").splitlines()
    first = json.loads(lines[0])
    rows = [{**first, "id": i, "text": f"private row number {i}"} for i in range(400)]
    told = "".join(json.dumps(r, sort_keys=True, separators=(",", ":")) + "\n" for r in rows)
    (release / BODY).write_text(told, encoding="utf-8")


def other_parquet(release: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(release / "corpus.parquet").to_pylist()
    table[0]["text"] = "a private text"
    pq.write_table(pa.Table.from_pylist(table), release / "corpus.parquet", compression="zstd")


def parquet_with_more(release: Path) -> None:
    import pyarrow.parquet as pq

    table = pq.read_table(release / "corpus.parquet").replace_schema_metadata({"note": "a private text"})
    pq.write_table(table, release / "corpus.parquet", compression="zstd")


def unused_reply(release: Path) -> None:
    file = release / "evidence" / "texts.jsonl"
    line = {**json.loads(file.read_text().splitlines()[0]), "key": "f" * 64, "text": "a private text"}
    with file.open("a") as sink:
        sink.write(json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n")


def linked(name: str) -> Change:
    def change(release: Path) -> None:
        kept = release.parent / "elsewhere"
        (release / name).rename(kept)
        (release / name).symlink_to(kept)

    return change


def piped(name: str) -> Change:
    def change(release: Path) -> None:
        (release / name).unlink()
        os.mkfifo(release / name)

    return change


def gone(name: str) -> Change:
    def change(release: Path) -> None:
        where = release / name
        shutil.rmtree(where) if where.is_dir() else where.unlink()
        body = ledger_of(release)
        body["outputs"] = [o for o in body["outputs"] if o["name"] != name]
        put_ledger(release, body)

    return change


def extra(name: str) -> Change:
    def change(release: Path) -> None:
        (release / name).parent.mkdir(parents=True, exist_ok=True)
        (release / name).write_text("epsilon 0.01, certified\n", encoding="utf-8")
        body = ledger_of(release)
        body["outputs"].append({"name": name, "sha256": "0" * 64, "records": 20})
        put_ledger(release, body)

    return change


def twice(release: Path) -> None:
    text = (release / "ledger.json").read_text(encoding="utf-8")
    (release / "ledger.json").write_text(text.replace('{\n "schema"', '{\n "method": "x",\n "schema"', 1))


def evidence_of_the_next_step(release: Path) -> None:
    evidence = release / "evidence"
    shutil.copyfile(evidence / "release-002.json", evidence / "release-001.json")


def output_name(name: str) -> Change:
    return in_ledger(lambda body: body["outputs"][0].update(name=name))


def claim(**changes: Any) -> Change:
    return in_ledger(lambda body: body["claim"].update(changes))


def unit(**changes: Any) -> Change:
    return in_ledger(lambda body: body["privacy_unit"].update(changes))


def in_sketch(edit: Callable[[list[int]], object]) -> Change:
    return in_lines("evidence/release-002.json", lambda told: edit(told["values"]))


def exchanged(values: list[int]) -> None:
    half = len(values) // 2
    values[:] = values[half:] + values[:half]


#: A hash and 32 numbers of two bytes: what the evidence keeps of a text with the embedder of these tests.
ONE_ROW = 32 + 2 * FakeEmbedder().dim


def in_vectors(edit: Callable[[bytes], bytes]) -> Change:
    def change(release: Path) -> None:
        file = release / "evidence" / "vectors.bin"
        file.write_bytes(edit(file.read_bytes()))

    return change


def with_exchanged_rows(rows: bytes) -> bytes:
    """The first two texts have each other's row."""
    one, two = rows[32:ONE_ROW], rows[ONE_ROW + 32 : 2 * ONE_ROW]
    return rows[:32] + two + rows[ONE_ROW : ONE_ROW + 32] + one + rows[2 * ONE_ROW :]


def with_one_high_bit(rows: bytes) -> bytes:
    """The first number of the first text is 16,384 more, or as much less: four lengths of a row."""
    return rows[:33] + bytes([rows[33] ^ 0x40]) + rows[34:]
