"""Every way we know to make a release say more than is true, sealed again by whoever does it, is caught.

A seal needs no key, so each change is followed by a new ledger with right hashes. What nobody can catch
without a key is a release that its own operator built whole, with this very program, from false inputs: other
rows under ``split``, other donors, another column for the person. ``CANNOT_SHOW`` says so with every answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.attacks.changes import (
    BODY,
    ONE_ROW,
    claim,
    evidence_of_the_next_step,
    exchanged,
    extra,
    gone,
    group_of_a_hundred,
    in_sketch,
    in_vectors,
    linked,
    lower_epsilon,
    more_noise,
    more_noise_and_its_evidence,
    no_private_data,
    other_parquet,
    output_name,
    parquet_with_more,
    piped,
    raw_rows,
    twice,
    unit,
    unused_reply,
    with_exchanged_rows,
    with_one_high_bit,
    without_the_last_question,
)
from tests.attacks.forging import (
    added,
    both,
    in_json,
    in_ledger,
    in_lines,
    replaced,
    sealed_again,
)

from rpsg import api

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rpsg.release.run import Verification

    Change = Callable[[Path], None]

SEEN = "seen"
TAMPERS: dict[str, tuple[str, Change]] = {
    # Who is protected, and how much.
    "the unit is said to be a row": ("strict", unit(unit="record")),
    "the unit is said to be a person": (
        "strict",
        both(replaced("evidence/plan.toml", 'user = "user"\n', ""), unit(unit="user")),
    ),
    "another neighbouring relation": ("strict", unit(adjacency="replace_one")),
    "more rows of a person": ("strict", unit(max_records_per_unit=3)),
    "nothing bounds a person": ("strict", unit(bounding="none_asserted_by_user")),
    "donors among the voters": (
        "split",
        in_ledger(lambda b: b["privacy_unit"].pop("seed_units_disjoint_from_voters")),
    ),
    "a figure for a group that has none": ("strict", in_ledger(group_of_a_hundred)),
    "a smaller figure for groups": (
        "strict",
        in_ledger(lambda b: b["claim"]["epsilon_group"].update({"2": 4.1})),
    ),
    "a second accountant": (
        "strict",
        in_ledger(lambda b: b["claim"]["epsilon_by_accountant"].update({"pld": 1.0})),
    ),
    "another accountant's name": ("strict", claim(accountant="pld")),
    "a lower epsilon": ("strict", in_ledger(lower_epsilon)),
    "a lower epsilon in the plan too": (
        "strict",
        both(in_ledger(lower_epsilon), replaced("evidence/plan.toml", "epsilon = 4.0", "epsilon = 1.0")),
    ),
    "a smaller delta": ("strict", claim(delta=1e-9)),
    "a weaker attacker": ("strict", in_ledger(lambda b: b["claim"]["attack"].update(auc=0.51))),
    "somebody else it protects against": ("strict", claim(protects_against=["everybody"])),
    "ten times the noise": ("strict", in_ledger(more_noise)),
    "ten times the noise, in the evidence too": ("strict", more_noise_and_its_evidence),
    "ten times the noise for voters": ("split", more_noise_and_its_evidence),
    "the sketch was never asked for": ("strict", without_the_last_question),
    "the votes were never asked for": ("votes", without_the_last_question),
    "voters' votes were never asked for": ("split", without_the_last_question),
    "no private data were read": ("strict", no_private_data),
    "a test run is valid": ("paper", in_ledger(lambda b: b.update(status="research_only"))),
    "an audit that found nothing": (
        "strict",
        in_ledger(
            lambda b: b["audit"].update(ran=True, published="verdict_only", verdict="no_violation_found")
        ),
    ),
    "another source of noise": (
        "strict",
        in_ledger(lambda b: b["rng"].update(source="opendp/discrete_gaussian_fine_lattice")),
    ),
    # What the claim rests on, and what it leaves out.
    "an assumption in other words": (
        "strict",
        in_ledger(lambda b: b["assumptions"][0].update(text="the user column was audited")),
    ),
    "an assumption that was checked": (
        "strict",
        in_ledger(lambda b: b["assumptions"][2].update(checked_by="audit")),
    ),
    "an assumption too many": (
        "strict",
        in_ledger(lambda b: b["assumptions"].append({"id": "A4", "text": "certified", "checked_by": "us"})),
    ),
    "a caveat is dropped": ("strict", in_ledger(lambda b: b["not_covered"].pop())),
    "a caveat too many, that promises": (
        "strict",
        in_ledger(lambda b: b["not_covered"].append("nothing else")),
    ),
    "a public input is dropped": ("strict", in_ledger(lambda b: b["public_inputs"].pop())),
    "a way of donors' text is dropped": ("split", in_ledger(lambda b: b["non_dp_flows"].pop())),
    "a way of private text in other words": (
        "paper",
        in_ledger(lambda b: b["non_dp_flows"][0].update(what="noisy counts alone")),
    ),
    "the commitment to the data is gone": ("strict", in_ledger(lambda b: b.pop("private_commitment"))),
    "voters' commitment is gone": ("split", in_ledger(lambda b: b.pop("private_commitment"))),
    "another program made it": ("strict", in_ledger(lambda b: b["code"].update(source_sha256="0" * 64))),
    "another seed": ("strict", in_ledger(lambda b: b["rng"].update(generation_seed_public=7))),
    "fewer records": ("strict", in_ledger(lambda b: b["outputs"][0].update(records=1))),
    # Who was sent what.
    "nobody saw anything": ("strict", in_json("egress.json", lambda b: b.update(seen=[]))),
    "the writer was elsewhere": (
        "strict",
        in_json("egress.json", lambda b: b["seen"][-1].update(host="api.example.com")),
    ),
    "fewer requests": ("strict", in_json("egress.json", lambda b: b["seen"][-1].update(requests=1))),
    "donors' texts were not sent": (
        "split",
        in_json("egress.json", lambda b: b["seen"][-1].update(sees="nothing")),
    ),
    "the table of who saw what is gone": ("strict", gone("egress.json")),
    "another writer in the table": (
        "split",
        in_json("egress.json", lambda b: b["seen"][-1].update(model="other")),
    ),
    "private text, told as public": (
        "split",
        in_ledger(lambda b: b["egress"][0].update(carries="public_only")),
    ),
    # The corpus and its copies.
    "a word of the corpus": ("strict", replaced(BODY, "the", "thy", 1)),
    "raw rows for the corpus": ("split", raw_rows),
    "a row that says more of itself": ("split", in_lines(BODY, lambda b: b.update(claim="Private."))),
    "a row with a field of its own": ("split", in_lines(BODY, lambda b: b.update(source="a private text"))),
    "a row with an attribute of its own": (
        "paper",
        in_lines(BODY, lambda b: b["attributes"].update(name="Alice")),
    ),
    "a label that nobody declared": ("split", in_lines(BODY, lambda b: b.update(label="wine"))),
    "a word of the table": ("strict", replaced("corpus.csv", "the", "thy", 1)),
    "a word of voters' table": ("split", replaced("corpus.csv", '"food"', '"wine"', 1)),
    "a text of the Parquet file": ("strict", other_parquet),
    "a text of voters' Parquet file": ("split", other_parquet),
    "a text in the Parquet file's notes": ("split", parquet_with_more),
    "bytes behind the Parquet file": (
        "strict",
        added("corpus.parquet", "a private text"),
    ),
    # Evidence.
    "a text in the lives of candidates": (
        "strict",
        in_lines("evidence/candidates.jsonl", lambda b: b.update(text="a private text")),
    ),
    "a phrase in the lives of candidates": (
        "strict",
        in_lines("evidence/candidates.jsonl", lambda b: b.update(phrases=["a private text"])),
    ),
    "a reply that was never used": ("strict", unused_reply),
    "a reply that was never used, of a floor": ("floor", unused_reply),
    "a reply in other words": (
        "strict",
        in_lines("evidence/texts.jsonl", lambda b: b.update(text="a private text.")),
    ),
    "a failure that never was": ("strict", extra("evidence/failed.txt")),
    "a noisy count": (
        "strict",
        in_lines("evidence/release-001.json", lambda b: b["values"].__setitem__(0, 999)),
    ),
    "a number of the sketch": ("strict", in_sketch(lambda values: values.__setitem__(0, values[0] + 9_999))),
    "the last number of the sketch, which counts texts that fit no topic": (
        "strict",
        in_sketch(lambda values: values.__setitem__(-1, values[-1] + 9_999)),
    ),
    "a sketch with a number too few": ("strict", in_sketch(lambda values: values.pop())),
    "a sketch with a number too many": ("strict", in_sketch(lambda values: values.append(0))),
    "the sketches of two labels exchanged": ("strict", in_sketch(exchanged)),
    "a vote": ("votes", in_lines("evidence/release-002.json", lambda b: b["values"].__setitem__(0, 999))),
    # Embeddings of the texts.
    "the embedding of a text": ("strict", in_vectors(with_one_high_bit)),
    "an embedding of an unknown text": ("strict", in_vectors(lambda rows: rows + b"\xff" * ONE_ROW)),
    "an embedding twice": ("strict", in_vectors(lambda rows: rows[:ONE_ROW] + rows)),
    "private bytes behind the embeddings": ("strict", in_vectors(lambda rows: rows + b"a private text")),
    "the embeddings in another order": ("strict", in_vectors(lambda r: r[ONE_ROW:] + r[:ONE_ROW])),
    "the embeddings of two texts exchanged": ("strict", in_vectors(with_exchanged_rows)),
    "an embedding is gone": ("strict", in_vectors(lambda rows: rows[ONE_ROW:])),
    "the embeddings are gone": ("strict", gone("evidence/vectors.bin")),
    "the embeddings are a link": ("strict", linked("evidence/vectors.bin")),
    "the embeddings of a floor": ("floor", in_vectors(lambda rows: rows + b"\xff" * ONE_ROW)),
    "embeddings of private texts in a release without any": ("split", extra("evidence/vectors.bin")),
    "fewer votes than candidates": (
        "split",
        in_lines("evidence/release-001.json", lambda b: b["values"].pop()),
    ),
    "one draw for two answers": (
        "strict",
        both(
            in_lines("evidence/release-001.json", lambda b: b.update(draw="a" * 32)),
            in_lines("evidence/release-002.json", lambda b: b.update(draw="a" * 32)),
        ),
    ),
    "evidence of another plan": (
        "strict",
        in_lines("evidence/release-000.json", lambda b: b.update(plan_sha256="0" * 64)),
    ),
    "evidence of one step for another": (
        "strict",
        evidence_of_the_next_step,
    ),
    "a larger size in the plan": ("strict", replaced("evidence/plan.toml", "size = 20", "size = 19")),
    "a vast size in the plan": ("strict", replaced("evidence/plan.toml", "size = 20", "size = 10000000")),
    "another epsilon in the plan": (
        "strict",
        replaced("evidence/plan.toml", "epsilon = 4.0", "epsilon = 2.0"),
    ),
    "a comment in the plan": ("strict", added("evidence/plan.toml", "# certified\n")),
    "a place in the plan": (
        "strict",
        replaced("evidence/plan.toml", "[data]", '[data]\npath = "/etc/passwd"'),
    ),
    "a key of the operator in the plan": (
        "strict",
        replaced("evidence/plan.toml", 'key_env = "OPENAI_API_KEY"', 'key_env = "HOME"'),
    ),
    "words of the pack": ("strict", replaced("evidence/pack/pack.toml", "Tiny reviews", "Certified reviews")),
    "words of the pack of voters": (
        "split",
        replaced("evidence/pack/pack.toml", "Tiny reviews", "Other reviews"),
    ),
    "a file of the pack that nobody reads": ("strict", extra("evidence/pack/notes.txt")),
    "the method in the plan": ("split", replaced("evidence/plan.toml", 'name = "split"', 'name = "paper"')),
    "the method in the ledger": ("strict", in_ledger(lambda b: b.update(method="other"))),
    # Words for people.
    "a card with another epsilon": ("strict", replaced("README.md", "(epsilon 4,", "(epsilon 1,")),
    "a licence that nobody gave": ("strict", replaced("README.md", "license: unknown", "license: cc0-1.0")),
    "a summary that promises": ("strict", added("summary.md", "\nCertified.\n")),
    "a summary that protects donors": ("split", replaced("summary.md", "are not protected", "are protected")),
    "a report with a foreign script": (
        "strict",
        replaced("report.html", "</body>", "<script src=//evil></script></body>"),
    ),
    "a report that promises, of a floor": ("floor", added("report.html", "<p>epsilon 0.1</p>")),
    "a floor's card with a budget": ("floor", added("README.md", "\nepsilon 0.1\n")),
    "metadata with a licence": (
        "strict",
        in_json("croissant.json", lambda b: b.update(license="https://x.example")),
    ),
    # The folder.
    "a file too many": ("strict", extra("CERTIFICATE.md")),
    "a folder too many": ("strict", extra("more/CERTIFICATE.md")),
    "a hidden file": ("strict", extra("evidence/.hidden")),
    "the report is gone": ("strict", gone("report.html")),
    "the plan is gone": ("strict", gone("evidence/plan.toml")),
    "the pack is gone": ("strict", gone("evidence/pack")),
    "the corpus is a link": ("strict", linked(BODY)),
    "the ledger is a link": ("strict", linked("ledger.json")),
    "the evidence is a link": ("strict", linked("evidence")),
    "the pack is a link": ("split", linked("evidence/pack")),
    "the corpus is a pipe": ("strict", piped(BODY)),
    "the ledger is a pipe": ("strict", piped("ledger.json")),
    "an output that climbs out": ("strict", output_name("../x")),
    "an output in the root": ("strict", output_name("/etc/passwd")),
    "an output that is not there": ("split", output_name("corpus.xlsx")),
}
#: Changes that break a ledger's own seal or spelling; sealing again would undo them.
AS_IT_IS = {
    "a key of the ledger twice": ("strict", twice),
    "a ledger with NaN": ("strict", replaced("ledger.json", '"mu2": ', '"mu2": NaN, "x": ', 1)),
    "a ledger of another spelling": ("strict", added("ledger.json", "\n")),
    "a seal that does not hold": ("strict", replaced("ledger.json", '"epsilon": 4.0', '"epsilon": 3.0', 1)),
}


def failed(found: Verification) -> list[str]:
    return [f"{check.name}: {check.detail}" for check in found.checks if not check.ok]


@pytest.mark.parametrize("method", ["strict", "votes", "split", "paper", "floor", "augpe", "rupta"])
def test_a_new_seal_on_an_unchanged_release_is_nothing_to_catch(
    release_of: Callable[[str], Path], method: str
) -> None:
    release = release_of(method)
    sealed_again(release)
    found = api.verify(release)
    assert failed(found) == []
    assert found.ok


@pytest.mark.parametrize(("method", "change"), TAMPERS.values(), ids=TAMPERS)
def test_a_tampered_release_is_caught(release_of: Callable[[str], Path], method: str, change: Change) -> None:
    release = release_of(method)
    change(release)
    if (release / "ledger.json").is_file() and not (release / "ledger.json").is_symlink():
        sealed_again(release)
    found = api.verify(release)
    assert not found.ok
    assert failed(found)


@pytest.mark.parametrize(("method", "change"), AS_IT_IS.values(), ids=AS_IT_IS)
def test_a_broken_ledger_is_caught(release_of: Callable[[str], Path], method: str, change: Change) -> None:
    release = release_of(method)
    change(release)
    assert not api.verify(release).ok
