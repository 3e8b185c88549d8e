"""A release that its author built anew with this very program still says only what a run could have said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.attacks.forging import built_anew, in_json, in_ledger, in_plan, sealed_again

from rpsg import api
from rpsg.errors import RpsgError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Change = Callable[[Path], None]


def pack_file(name: str) -> Change:
    def change(release: Path) -> None:
        (release / "evidence" / "pack" / name).write_text('note = "Certified."\n', encoding="utf-8")

    return change


def without_role(role: str) -> Change:
    def edit(body: dict[str, Any]) -> None:
        body["seen"] = [line for line in body["seen"] if line["role"] != role]

    return in_json("egress.json", edit)


def code_says(**words: str) -> Change:
    return in_ledger(lambda body: body["code"].update(words))


#: What is claimed, and for the methods that are told in brackets.
LIES: dict[str, tuple[Change, tuple[str, ...]]] = {
    "an account": (in_plan("data", "account", '"certified"'), ("strict", "split", "floor")),
    "a place of keys that no release tells": (in_plan("vault", "key", '"keyring"'), ("strict", "floor")),
    "a writer in a folder of somebody": (
        in_plan("models", "writer", '"/srv/models/writer.gguf"'),
        ("strict",),
    ),
    "a text in the pack that nobody reads": (pack_file("CERTIFICATE.txt"), ("strict", "paper")),
    "settings in the pack that nobody reads": (pack_file("notes.toml"), ("split", "floor")),
    "that no recogniser read private texts": (without_role("recogniser"), ("split", "paper")),
    "that no surrogate read private texts": (without_role("surrogate"), ("paper",)),
    "words where Python's version is": (code_says(python="3.12, epsilon 0.1 certified"), ("strict", "floor")),
    "words where its version is": (code_says(version="9 (certified)", source_sha256="0" * 64), ("strict",)),
    "a wheel that nobody built": (code_says(wheel_sha256="certified"), ("strict",)),
}
CASES = [(lie, method) for lie, (_, methods) in LIES.items() for method in methods]


@pytest.mark.parametrize(("lie", "method"), CASES, ids=[f"{lie}, {method}" for lie, method in CASES])
def test_a_release_built_anew_does_not_say(release_of: Callable[[str], Path], lie: str, method: str) -> None:
    release, (change, _) = release_of(method), LIES[lie]
    change(release)
    sealed_again(release)
    try:
        for _ in range(2):  # words tell what the ledger says, and the ledger names the words
            built_anew(release)
    except RpsgError:
        return  # the builder of releases refuses it itself
    assert not api.verify(release).ok


@pytest.mark.parametrize("method", ["strict", "split", "paper", "floor", "augpe", "rupta"])
def test_an_honest_release_built_anew_is_the_same(release_of: Callable[[str], Path], method: str) -> None:
    release = release_of(method)
    built_anew(release)
    assert api.verify(release).ok


def of_another_version(content: bytes) -> tuple[bytes, bytes]:
    """Body and footer of a Parquet file that calls itself one of another pyarrow."""
    import pyarrow as pa

    name, size = f"version {pa.__version__}".encode(), int.from_bytes(content[-8:-4], "little")
    footer = content[-8 - size : -8]
    assert name in footer
    return content[: -8 - size], footer.replace(name, b"version " + b"9" * len(pa.__version__))


def whole_parquet(body: bytes, footer: bytes) -> bytes:
    return body + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def test_a_parquet_file_of_another_version_is_believed_and_what_it_may_hide_is_said(
    release_of: Callable[[str], Path],
) -> None:
    release = release_of("strict")
    other = whole_parquet(*of_another_version((release / "corpus.parquet").read_bytes()))
    built_anew(release, parquet=other)
    found = api.verify(release)
    assert found.ok
    assert any("another version of pyarrow" in line for line in found.cannot_show)


def test_a_parquet_file_cannot_tell_readers_to_skip_its_rows(release_of: Callable[[str], Path]) -> None:
    import pyarrow.parquet as pq

    release = release_of("strict")
    file = release / "corpus.parquet"
    largest = pq.ParquetFile(file).metadata.row_group(0).column(0).statistics.max
    body, footer = of_another_version(file.read_bytes())
    lying = footer.replace(int(largest).to_bytes(8, "little"), bytes(8))
    assert lying != footer
    built_anew(release, parquet=whole_parquet(body, lying))
    assert not api.verify(release).ok


def test_a_parquet_file_cannot_carry_megabytes_beside_its_table(release_of: Callable[[str], Path]) -> None:
    release = release_of("strict")
    body, footer = of_another_version((release / "corpus.parquet").read_bytes())
    built_anew(release, parquet=whole_parquet(body + b"a private text " * 100_000, footer))
    assert not api.verify(release).ok
