"""Private texts are embedded once, in parts that a stopped run keeps, and rounded to 16 bits."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpsg.errors import RunError
from rpsg.models.fake import FakeClassifier, FakeEmbedder
from rpsg.privacy.private import Private, open_private
from rpsg.protocols import Silent
from rpsg.records import Document, PrivateCorpus
from rpsg.stages import annotate as annotating
from rpsg.stages import contributions
from rpsg.stages.contributions import People
from rpsg.stages.exact_similarity import TOO_LONG, quantized
from rpsg.stages.sketch import LENGTH, Features, sketch_vectors
from rpsg.storage.vault import Vault
from rpsg.storage.vectors import Vectors, halves

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from rpsg.domains import Pack
    from rpsg.storage.vault import VaultKey

TEXTS = [f"text {i}" for i in range(600)]


def people(count: int, embedder: FakeEmbedder, cache: Vectors | None = None) -> People:
    rows = tuple(Document(i, f"text {i}", user=f"person {i}") for i in range(count))
    return People(
        lambda: Private(PrivateCorpus(rows)),
        max_records=1,
        key=b"k" * 32,
        embedder=embedder,
        progress=Silent(),
        cache=cache,
    )


def rounded(count: int) -> npt.NDArray[np.float16]:
    """What is kept of the first texts."""
    return halves(FakeEmbedder().embed(TEXTS[:count]))


def test_texts_are_embedded_once_and_kept_for_the_next_process(tmp_path: Path) -> None:
    cache = Vectors(Vault.create(tmp_path, "file"), "embeddings", 32)
    first = open_private(people(3, FakeEmbedder(), cache).embeddings)

    class Broken(FakeEmbedder):
        def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
            raise AssertionError("asked again")

    again = open_private(people(3, Broken(), cache).embeddings)
    assert np.array_equal(first, again)
    assert np.array_equal(first, rounded(3))


class Stopped(FakeEmbedder):
    """Is stopped after so many texts, and counts them."""

    def __init__(self, most: int = 10_000) -> None:
        super().__init__()
        self.most, self.texts = most, 0

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        if self.texts >= self.most:
            raise KeyboardInterrupt
        self.texts += len(texts)
        return super().embed(texts)


@pytest.mark.parametrize("key", ["file", "none"])
def test_a_run_that_is_stopped_while_it_embeds_keeps_what_it_had_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: VaultKey
) -> None:
    monkeypatch.setattr(contributions, "PART", 256)
    cache = Vectors(Vault.create(tmp_path, key), "embeddings", 32)
    with pytest.raises(KeyboardInterrupt):
        _ = people(600, Stopped(300), cache).embeddings
    second = Stopped()
    found = open_private(people(600, second, cache).embeddings)
    assert second.texts == 600 - 256, "one part of 256 was finished, and the next one not"
    assert np.array_equal(found, rounded(600))
    assert not [file for file in tmp_path.iterdir() if file.name.startswith("embeddings.f16.0")]


def test_embeddings_of_a_stopped_run_are_not_used_for_texts_that_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contributions, "PART", 2)
    cache = Vectors(Vault.create(tmp_path, "file"), "embeddings", 32)
    cache.keep_part(0, b"of other texts" * 3, np.zeros((2, 32), np.float16))
    found = open_private(people(3, FakeEmbedder(), cache).embeddings)
    assert np.array_equal(found, rounded(3))


@pytest.mark.parametrize("lost", ["tag", "end", "numbers"])
def test_a_part_that_is_not_whole_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """A run may be killed before a part has its tag; an embedder may give fewer numbers now."""
    monkeypatch.setattr(contributions, "PART", 256)
    vault = Vault.create(tmp_path, "none")
    with pytest.raises(KeyboardInterrupt):
        _ = people(600, Stopped(300), Vectors(vault, "embeddings", 32)).embeddings
    if lost == "tag":
        (tmp_path / "embeddings.f16.0.tag").unlink()
    elif lost == "end":
        (tmp_path / "embeddings.f16.0").write_bytes(vault.read("embeddings.f16.0")[:-2])
    else:
        vault.write("embeddings.f16.0", vault.read("embeddings.f16.0")[: 32 + 256 * 2 * 16])
    found = open_private(people(600, FakeEmbedder(), Vectors(vault, "embeddings", 32)).embeddings)
    assert np.array_equal(found, rounded(600))


@pytest.mark.parametrize("key", ["file", "none"])
def test_parts_are_all_deleted_by_a_run_that_was_killed_while_it_deleted_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: VaultKey
) -> None:
    monkeypatch.setattr(contributions, "PART", 2)
    cache = Vectors(Vault.create(tmp_path, key), "embeddings", 32)
    delete = Vault.delete

    def killed(vault: Vault, name: str) -> None:
        delete(vault, name)
        raise KeyboardInterrupt

    monkeypatch.setattr(Vault, "delete", killed)
    with pytest.raises(KeyboardInterrupt):
        _ = people(8, FakeEmbedder(), cache).embeddings
    monkeypatch.setattr(Vault, "delete", delete)
    assert list(tmp_path.glob("embeddings.f16.[0-9]*")), "otherwise nothing is tested"
    _ = people(8, FakeEmbedder(), cache).embeddings
    assert not list(tmp_path.glob("embeddings.f16.[0-9]*"))


def test_embeddings_cut_short_are_made_anew(tmp_path: Path) -> None:
    cache = Vectors(Vault.create(tmp_path, "none"), "embeddings", 32)
    (tmp_path / ".rpsg-part-embeddings.f16").write_bytes(b"half of it")
    assert open_private(people(3, FakeEmbedder(), cache).embeddings).shape == (3, 32)
    assert (tmp_path / "embeddings.f16").stat().st_mode & 0o777 == 0o600


def test_embeddings_of_other_rows_are_refused(tmp_path: Path) -> None:
    cache = Vectors(Vault.create(tmp_path, "file"), "embeddings", 32)
    _ = people(3, FakeEmbedder(), cache).embeddings
    with pytest.raises(RunError, match="do not match the rows"):
        _ = people(2, FakeEmbedder(), cache).embeddings


@pytest.mark.parametrize("key", ["file", "none"])
def test_a_run_of_an_earlier_version_goes_on_with_the_numbers_of_32_bits_that_it_kept(
    tmp_path: Path, key: VaultKey
) -> None:
    """Its next answer, and a test of its noise, must be about the same rows as its first answer."""
    vault = Vault.create(tmp_path, key)
    before = FakeEmbedder().embed(TEXTS[:3])
    vault.write("embeddings.f32", before.tobytes())
    kept = open_private(people(3, Stopped(0), Vectors(vault, "embeddings", 32)).embeddings)
    assert kept.dtype == np.float32
    assert np.array_equal(kept, before)
    Vectors(vault, "embeddings", 32).forget()
    assert [file.name for file in tmp_path.iterdir()] == ["vault.json"]


def test_parts_that_an_earlier_version_kept_are_made_again_and_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contributions, "PART", 2)
    vault = Vault.create(tmp_path, "none")
    for number in range(2):
        vault.write(f"embeddings.f32.{number}", b"of 32 bits")
    found = open_private(people(5, FakeEmbedder(), Vectors(vault, "embeddings", 32)).embeddings)
    assert np.array_equal(found, rounded(5))
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        *("embeddings.f16", "embeddings.f16.tag", "vault.json")
    ]


def test_rows_have_16_bits_whether_they_are_stored_or_not(tmp_path: Path) -> None:
    held = open_private(people(3, FakeEmbedder()).embeddings)
    kept = open_private(
        people(3, FakeEmbedder(), Vectors(Vault.create(tmp_path, "none"), "v", 32)).embeddings
    )
    assert held.dtype == kept.dtype == np.float16
    assert np.array_equal(held, kept)
    assert (tmp_path / "v.f16").stat().st_size == 3 * 32 * 2


numbers = st.floats(width=32, allow_nan=True, allow_infinity=True)


@given(st.lists(st.lists(numbers, min_size=4, max_size=4), min_size=1, max_size=6))
def test_a_row_is_rounded_alone_and_one_that_does_not_fit_warns_of_nothing(rows: list[list[float]]) -> None:
    """Else removing a person could change the row of another one, or a warning would tell of a row."""
    table = np.array(rows, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        together = halves(table)
    assert np.isfinite(together).all()
    assert all(np.array_equal(halves(table[i : i + 1])[0], together[i]) for i in range(len(table)))


@pytest.mark.parametrize("dim", [32, 384, 1024, 4096])
def test_no_unit_row_is_too_long_after_rounding(dim: int) -> None:
    """Rounding to 16 bits may lengthen a row by 1 / 2,048; quantized rows must stay in the exact range."""
    rows = np.random.default_rng(dim).standard_normal((300, dim))
    rows[0], rows[1] = 0, 1  # the longest way to round is the same one in each coordinate
    rows[0, 0] = 1
    unit = np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
    lattice = quantized(halves(unit)).astype(np.float64)
    assert np.any(lattice, axis=1).all()
    assert float((lattice**2).sum(axis=1).max()) < TOO_LONG


@pytest.mark.parametrize("times", [0.5, 1.0, 1.02, 3.0, 1e30])
def test_nobody_adds_more_than_the_rule_allows_after_rounding(times: float) -> None:
    """Also if an embedder gives rows that are longer than it may."""
    drafts = np.random.default_rng(1).standard_normal((40, 8))
    drafts /= np.linalg.norm(drafts, axis=1, keepdims=True)
    features = Features.fit(drafts.astype(np.float32), TEXTS[:40])
    private = halves((drafts[::-1] * times).astype(np.float32))
    rows = tuple(Document(i, text) for i, text in enumerate(TEXTS[:40]))
    units = np.arange(40, dtype=np.int64) // 2
    poor = Private(np.zeros(40, np.float32))
    given_by = open_private(sketch_vectors(Private(private), Private(rows), Private(units), features, poor))
    vectors = given_by.vectors(np.arange(40))
    assert int((vectors**2).sum(axis=1).max()) <= LENGTH**2
    alone = [given_by.vectors(np.array([i]))[0] for i in range(40)]
    assert np.array_equal(vectors, np.stack(alone)), "a row must not depend on the others in its block"


def test_a_classifier_is_given_blocks_of_rows_as_embedders_give_them(
    tiny: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that works with 64 bits would otherwise need four times the memory of all rows."""
    monkeypatch.setattr(annotating, "CHUNK", 4)
    seen: list[tuple[int, str]] = []

    class Watched(FakeClassifier):
        def classify(self, texts: Sequence[str], embeddings: npt.NDArray[np.float32]) -> list[str]:
            seen.append((len(embeddings), embeddings.dtype.name))
            return super().classify(texts, embeddings)

    found = [
        open_private(
            annotating.annotate(
                people(10, FakeEmbedder()), tiny, annotating.describe(tiny, FakeEmbedder()), classifier
            )
        )["sentiment"]
        for classifier in (Watched(), FakeClassifier())
    ]
    assert seen == [(4, "float32"), (4, "float32"), (2, "float32")]
    assert np.array_equal(found[0], found[1])
