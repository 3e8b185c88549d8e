"""A signed release comes from the holder of a key, and nobody else can change it and sign it again."""

from __future__ import annotations

import json
import shutil
import stat
from typing import TYPE_CHECKING

import pytest

from rpsg import api
from rpsg.errors import PrivacyError, UsageError, VerificationError
from rpsg.pipeline.verification.sign import publish
from rpsg.privacy.signing import is_signed, make_pair, private_key, signature_of, signer_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Lab


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name in ("mine", "theirs"):
        make_pair(folder / name, folder / f"{name}.pub")
    return folder


@pytest.fixture(scope="module")
def unsigned(lab_of: Callable[[Path], Lab], tmp_path_factory: pytest.TempPathFactory) -> Path:
    lab = lab_of(tmp_path_factory.mktemp("signed"))
    return api.run(lab.plan(lab.file(lab.rows(300))), lab.folder / "run").path


@pytest.fixture
def run(unsigned: Path, tmp_path: Path) -> Path:
    return shutil.copytree(unsigned, tmp_path / "run")


@pytest.fixture(scope="module")
def signed_once(unsigned: Path, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = shutil.copytree(unsigned, tmp_path_factory.mktemp("once") / "run")
    publish(run, keys / "mine")
    return run / "release"


@pytest.fixture
def signed(signed_once: Path, tmp_path: Path) -> Path:
    return shutil.copytree(signed_once, tmp_path / "signed")


def signature(release: Path, key: Path | None = None) -> tuple[bool, str]:
    found = api.verify(release, key=key)
    return found.ok, next((check.detail for check in found.checks if check.name == "signature"), "")


def test_a_signed_release_verifies_with_its_key_and_tells_the_fingerprint_without(
    signed: Path, keys: Path
) -> None:
    told = json.loads((signed / "ledger.json").read_text())["signer"]["fingerprint"]
    ok, detail = signature(signed, keys / "mine.pub")
    assert ok, detail
    assert detail == f"by the key that you named, {told}"
    assert signature(signed) == (True, f"by {told}; it was not checked whose key that is")
    for name in ("README.md", "summary.md", "report.html"):
        assert told in (signed / name).read_text(encoding="utf-8"), name


def test_only_the_signer_is_new_in_it(unsigned: Path, signed: Path) -> None:
    before, after = (json.loads((f / "ledger.json").read_text()) for f in (unsigned / "release", signed))
    assert after.pop("signer")["algorithm"] == "Ed25519"
    for ledger in (before, after):
        del ledger["chain"], ledger["outputs"]
    assert after == before
    for name in ("corpus.jsonl", "corpus.csv", "evidence/plan.toml", "evidence/texts.jsonl"):
        assert (signed / name).read_bytes() == (unsigned / "release" / name).read_bytes()


def test_another_key_and_no_signature_are_refused(unsigned: Path, signed: Path, keys: Path) -> None:
    assert signature(signed, keys / "theirs.pub")[0] is False
    assert "is not your key" in signature(signed, keys / "theirs.pub")[1]
    assert signature(unsigned, keys / "mine.pub") == (False, "nobody has signed this release")


@pytest.mark.parametrize("name", ["README.md", "corpus.jsonl", "ledger.json"])
def test_what_was_changed_after_it_was_signed_is_noticed(signed: Path, name: str) -> None:
    with (signed / name).open("ab") as file:
        file.write(b"\n")
    assert not api.verify(signed).ok


@pytest.mark.parametrize("content", [b"", b"!", b"A" * 86 + b"==\n"])
def test_a_signature_that_fits_nothing_is_refused(signed: Path, content: bytes) -> None:
    (signed / "ledger.sig").write_bytes(content)
    assert signature(signed)[0] is False


def test_a_signature_that_was_taken_away_is_missed_and_one_too_many_is_refused(
    signed: Path, run: Path
) -> None:
    (run / "release" / "ledger.sig").write_bytes((signed / "ledger.sig").read_bytes())
    assert not api.verify(run).ok
    (signed / "ledger.sig").unlink()
    assert signature(signed)[0] is False


def test_the_name_of_a_key_without_its_signature_convinces_nobody(signed: Path, keys: Path) -> None:
    """Somebody else signs a ledger that names my key."""
    content, theirs = (signed / "ledger.json").read_bytes(), private_key(keys / "theirs")
    (signed / "ledger.sig").write_bytes(signature_of(theirs, content))
    assert signature(signed)[0] is False
    assert signature(signed, keys / "mine.pub")[0] is False


def test_a_fingerprint_that_is_not_the_key_s_is_refused(keys: Path) -> None:
    mine, other = private_key(keys / "mine"), signer_of(private_key(keys / "theirs"))
    block = {**signer_of(mine), "fingerprint": other["fingerprint"]}
    assert is_signed(signer_of(mine), b"ledger", signature_of(mine, b"ledger"))
    assert not is_signed(block, b"ledger", signature_of(mine, b"ledger"))


def test_a_release_is_signed_again_by_the_same_or_another_key(run: Path, keys: Path) -> None:
    for name in ("mine", "mine", "theirs"):
        publish(run, keys / name)
        assert signature(run, keys / f"{name}.pub")[0]
    assert {entry.name for entry in run.iterdir() if entry.name.startswith("release")} == {"release"}


def test_a_publication_that_was_cut_short_is_finished_by_the_next(run: Path, keys: Path) -> None:
    (run / "release").rename(run / "release.unsigned")
    publish(run, keys / "mine")
    assert signature(run, keys / "mine.pub")[0]


def test_what_does_not_verify_is_not_signed(run: Path, keys: Path) -> None:
    with (run / "release" / "corpus.jsonl").open("ab") as file:
        file.write(b"{}\n")
    with pytest.raises(VerificationError, match="does not verify"):
        publish(run, keys / "mine")
    assert not (run / "release" / "ledger.sig").exists()


def test_a_private_key_is_closed_to_others_or_not_used(tmp_path: Path) -> None:
    make_pair(tmp_path / "k", tmp_path / "k.pub")
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600
    (tmp_path / "k").chmod(0o644)
    with pytest.raises(PrivacyError, match="Other users may read"):
        private_key(tmp_path / "k")


def test_a_pair_is_never_written_over(tmp_path: Path) -> None:
    make_pair(tmp_path / "k", tmp_path / "k.pub")
    with pytest.raises(UsageError, match="exists already"):
        make_pair(tmp_path / "k", tmp_path / "other.pub")


def test_a_key_with_a_passphrase_needs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RPSG_KEY_PASSPHRASE", "right")
    make_pair(tmp_path / "k", tmp_path / "k.pub")
    assert b"ENCRYPTED" in (tmp_path / "k").read_bytes()
    assert private_key(tmp_path / "k")
    for wrong in ("", "wrong"):
        monkeypatch.setenv("RPSG_KEY_PASSPHRASE", wrong)
        with pytest.raises(UsageError, match="no private key that can be read"):
            private_key(tmp_path / "k")


def test_nothing_else_has_room_in_the_file_of_the_signature(signed: Path, keys: Path) -> None:
    file = signed / "ledger.sig"
    file.write_bytes(b" \n" * 200 + file.read_bytes())
    assert not api.verify(signed, key=keys / "mine.pub").ok
