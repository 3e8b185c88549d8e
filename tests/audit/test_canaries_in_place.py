"""Canaries in the data of a run that is released: it is blocked if one is in its corpus."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.audit.shop import FEW, Shop, copying, honest

from rpsg import api
from rpsg.audit import canary_run
from rpsg.cli import main
from rpsg.errors import DataError, PrivacyError, UsageError
from rpsg.pipeline.planting import kept_canaries, public_texts, refuse_canaries
from rpsg.pipeline.verification.sign import publish
from rpsg.privacy.private import open_private
from rpsg.storage.blocked import block
from rpsg.storage.run_folder import open_vault
from rpsg.testing.planted import texts

if TYPE_CHECKING:
    from pathlib import Path

    from rpsg.methods.base import Job


@pytest.mark.usefixtures("method")
def test_a_run_with_canaries_is_released_if_none_is_in_its_corpus(shop: Shop, tmp_path: Path) -> None:
    run = api.run(shop.plan(audit_holdout=0.5), shop.lab.folder / "run")
    told = {line["name"]: line["role"] for line in run.ledger["public_inputs"]}
    assert "150 invented texts" in told["audit_canaries"]
    assert "noisy counts include them" in told["audit_canaries"]
    plan = (run.release / "evidence" / "plan.toml").read_text()
    assert "audit_canaries = 150" in plan
    assert "canary_texts" not in plan
    assert "All noisy counts, and the number of people, include canaries" in run.summary
    assert api.verify(run.path, plugins=("one-count",)).ok
    assert main(["audit", str(run.path), "--attacks", ",".join(FEW)]) == 0
    found = json.loads((run.path / "private" / "audit.json").read_bytes())
    assert next(each for each in found["findings"] if each["name"] == "extraction")["details"]["planted"] > 10
    assert main(["keygen", str(tmp_path / "key")]) == 0
    assert publish(run.path, tmp_path / "key", plugins=("one-count",))


def breaking(job: Job) -> list[str]:
    """Canaries without their codes, and with a line break amid the six words of their ends."""
    rows = [row.text.partition(", ref ")[0].split() for row in open_private(job.people.rows)]
    return [f"{' '.join(row[:-3])}\n{' '.join(row[-3:])}" for row in rows] + texts(200, 2)


@pytest.mark.usefixtures("method")
def test_a_canary_that_a_line_break_divides_blocks_a_release_too(shop: Shop, method: dict[str, Any]) -> None:
    method["corpus"] = breaking
    with pytest.raises(PrivacyError, match="canary is in the corpus"):
        api.run(shop.plan(), shop.lab.folder / "run")


@pytest.mark.parametrize("hidden", ["\u200b", "\u00ad", "\U000e0041", "\x00"])
@pytest.mark.usefixtures("method")
def test_a_canary_with_invisible_characters_blocks_a_release_as_it_refutes_an_audit(
    shop: Shop, method: dict[str, Any], hidden: str
) -> None:
    def leaked(job: Job) -> list[str]:
        return [hidden.join(row.text) for row in open_private(job.people.rows)] + texts(200, 2)

    method["corpus"] = leaked
    with pytest.raises(PrivacyError, match="canary is in"):
        api.run(shop.plan(), shop.lab.folder / "run")


@pytest.mark.usefixtures("method")
def test_a_hidden_canary_is_found_in_every_form_of_file(shop: Shop) -> None:
    """Also in JSON in ASCII, where each invisible character is an escape, or two."""
    run = api.run(shop.plan(), shop.lab.folder / "run")
    vault = open_vault(run.path)
    end = " ".join(kept_canaries(vault).canaries[0].end)
    refuse_canaries(vault, shop.plan(), run.release)
    for hidden in ("\u200b", "\U000e0041"):
        text = f'"so" said {hidden.join(end)} and left'
        for name, written in (
            ("more.json", json.dumps(text)),
            ("more.jsonl", json.dumps(text, ensure_ascii=False)),
            ("more.md", text),
        ):
            (run.release / name).write_text(written, encoding="utf-8")
            with pytest.raises(PrivacyError, match="canary is in"):
                refuse_canaries(vault, shop.plan(), run.release)
            (run.release / name).unlink()


@pytest.mark.usefixtures("method")
def test_a_canary_in_the_corpus_of_a_run_blocks_it_for_good(shop: Shop, method: dict[str, Any]) -> None:
    method["corpus"] = copying
    out, plan = shop.lab.folder / "run", shop.plan()
    with pytest.raises(PrivacyError, match="canary is in"):
        api.run(plan, out)
    assert not list(out.glob("release*"))
    method["corpus"] = honest  # another corpus of the same run would be a second try
    with pytest.raises(PrivacyError, match="canary is in"):
        api.run(plan, out)
    assert not list(out.glob("release*"))


#: Every command that reads what a run made, or publishes it.
COMMANDS = (
    *("verify RUN", "verify RUN --with-vault", "report RUN", "report RUN --private", "evaluate RUN"),
    *("audit RUN", "ledger export RUN --registry", "publish RUN --sign KEY"),
    *("publish RUN --sign KEY --audit RUN", "purge RUN --yes"),
)


def refused(out: Path, key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command ends with code 10, says what to do, and prints nothing about the run."""
    for command in COMMANDS:
        words = command.replace("RUN", str(out)).replace("KEY", str(key)).split()
        assert main(words) == 10, command
        seen = capsys.readouterr()
        told = " ".join(seen.err.split())
        assert "The run is blocked: nothing that it made may be published." in told, command
        assert "Delete its folder, and every copy of what it made." in told, command
        assert seen.out == "", command


@pytest.mark.usefixtures("method")
def test_no_command_publishes_a_run_that_a_canary_has_blocked(
    shop: Shop, method: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    method["corpus"] = copying
    out = shop.lab.folder / "run"
    with pytest.raises(PrivacyError) as stopped:
        api.run(shop.plan(audit_holdout=0.5), out)
    assert "spends budget again" in stopped.value.hint
    assert main(["keygen", str(tmp_path / "key")]) == 0
    capsys.readouterr()
    refused(out, tmp_path / "key", capsys)
    with pytest.raises(PrivacyError, match="blocked"):
        api.run(shop.plan(audit_holdout=0.5), out)
    with pytest.raises(PrivacyError, match="blocked"):
        canary_run(shop.plan(audit_holdout=0.5), out)


@pytest.mark.usefixtures("method")
def test_no_command_publishes_a_release_that_is_blocked_later(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a later version, which finds a canary that was not found when the release was made."""
    run = api.run(shop.plan(audit_holdout=0.5), shop.lab.folder / "run")
    assert main(["keygen", str(tmp_path / "key")]) == 0
    block(run.path)
    capsys.readouterr()
    refused(run.path, tmp_path / "key", capsys)
    assert main(["verify", str(run.release)]) == 10
    assert main(["report", str(run.release)]) == 10
    uploaded: list[str] = []
    hub = SimpleNamespace(upload_folder=lambda **_: uploaded.append("all"), create_repo=lambda *_, **__: None)
    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(HfApi=lambda token: hub))
    with pytest.raises(PrivacyError, match="blocked"):
        run.push("me/notes")
    assert not uploaded


@pytest.mark.usefixtures("method")
def test_one_canary_in_a_text_that_was_dropped_blocks_too(shop: Shop, method: dict[str, Any]) -> None:
    """The evidence of a release has the texts that were not chosen, and is as public."""

    def leaked(job: Job) -> list[str]:
        row = next(row for row in open_private(job.people.rows) if str(row.user).startswith("canary "))
        return [*texts(300, 2), f"so they said {' '.join(row.text.split()[-7:-3])} and left"]

    method["corpus"] = leaked
    with pytest.raises(PrivacyError, match="canary is in"):
        api.run(shop.plan(), shop.lab.folder / "run")


@pytest.mark.usefixtures("method")
def test_publish_looks_for_canaries_again(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = api.run(shop.plan(), shop.lab.folder / "run")
    assert main(["keygen", str(tmp_path / "key")]) == 0
    monkeypatch.setattr("rpsg.pipeline.planting.extracted", lambda *_: (True,))
    with pytest.raises(PrivacyError, match="canary is in"):
        publish(run.path, tmp_path / "key", plugins=("one-count",))
    assert not (run.release / "ledger.sig").exists()
    monkeypatch.undo()
    with pytest.raises(PrivacyError, match="canary is in"):
        publish(run.path, tmp_path / "key", plugins=("one-count",))


@pytest.mark.usefixtures("method")
def test_canaries_in_place_need_public_texts(shop: Shop) -> None:
    with pytest.raises(UsageError, match="no such texts were named"):
        api.run(shop.plan(canary_texts=""), shop.lab.folder / "run")
    assert shop.paid() == 0


@pytest.mark.usefixtures("method")
def test_canaries_do_not_begin_like_private_texts(shop: Shop) -> None:
    private = shop.plan().data.path
    with pytest.raises(UsageError, match="are the private texts themselves"):
        api.run(shop.plan(canary_texts=private), shop.lab.folder / "run")
    assert shop.paid() == 0


@pytest.mark.usefixtures("method")
def test_the_public_texts_may_have_another_encoding_than_the_private_ones(shop: Shop, tmp_path: Path) -> None:
    public = tmp_path / "public.csv"
    rows = "".join(f'"{text} d\xe9j\xe0 vu"\n' for text in texts(300, 3))
    public.write_bytes(f"text\n{rows}".encode("cp1252"))
    with pytest.raises(DataError, match="is not UTF-8") as refused:
        api.run(shop.plan(canary_texts=str(public)), shop.lab.folder / "refused")
    assert "--canary-encoding cp1252" in refused.value.hint
    assert shop.paid() == 0
    plan = shop.plan(canary_texts=str(public), canary_encoding="cp1252")
    assert all("d\xe9j\xe0 vu" in text for text in public_texts(plan))
    assert plan.fingerprint() == shop.plan(canary_texts=str(public)).fingerprint()
