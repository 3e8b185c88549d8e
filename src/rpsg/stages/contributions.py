"""Step 1, bound: the private rows, at most c of each person, read only when a mechanism asks for them.

Long records can be split into passages of about a given length. A public rule cuts each text by itself, at
the end of a sentence if there is one close by. The contribution bound then applies to passages, which are
drawn as rows are, so no sensitivity changes.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from bisect import bisect_left
from collections import Counter
from dataclasses import replace
from functools import cached_property, partial
from itertools import count, pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from rpsg.errors import PlugInError, RpsgError, RunError
from rpsg.protocols import Tenths
from rpsg.stages.partition import content_tag
from rpsg.storage.vectors import halves
from rpsg.textstats.numbering import numbered
from rpsg.textstats.words import is_simple, piece_spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rpsg.privacy.private import Private
    from rpsg.protocols import Embedder, Progress
    from rpsg.records import Document, PrivateCorpus
    from rpsg.storage.vectors import Halves, Stored, Vectors

EMBED_CHUNK = 128
#: This many embeddings are stored at once, so at most this many are lost if a run is stopped.
PART = 8_192
_ENDS_SENTENCE = re.compile(r"[.!?\u2026\u3002\uff01\uff1f][\"'\u201d\u2019\u00bb)\]]*$")
T = TypeVar("T")


class People:
    """The private corpus with bounded contributions. Nothing is read before it is needed.

    ``max_records`` is the bound; None, for a method without a claim, keeps every row. If ``passage_words`` is
    set, long rows are split into passages of about that many words, and the bound applies to the passages. A
    job that must not use private data gets a ``read`` that raises PrivacyError: each use is then an error.
    """

    def __init__(
        self,
        read: Callable[[], Private[PrivateCorpus]],
        *,
        max_records: int | None,
        passage_words: int = 0,
        key: bytes,
        embedder: Embedder,
        progress: Progress,
        cache: Vectors | None = None,
    ) -> None:
        self._read = read
        self._max_records = max_records
        self._passage_words = passage_words
        self._key = key
        self._embedder = embedder
        self._progress = progress
        self._cache = cache

    @cached_property
    def rows(self) -> Private[tuple[Document, ...]]:
        """The rows (or passages) that take part: at most c of each person under a bound, in file order."""
        return self._read().map(
            lambda corpus: bound(corpus, self._max_records, self._key, self._passage_words)
        )

    @cached_property
    def units(self) -> Private[npt.NDArray[np.int64]]:
        """For each row the index of its person, shape (rows,)."""
        return self.rows.map(unit_numbers)

    @cached_property
    def embeddings(self) -> Private[Stored]:
        """Unit rows, shape (rows, dim); computed once and stored in the run's vault.

        They are rounded to 16 bits at once, whether they are stored or not, so that a run in one process, one
        on a cluster and one in shards count the same.
        """
        return self.rows.map(self._embed)

    def _embed(self, rows: tuple[Document, ...]) -> Stored:
        # Shown even if all rows are stored already: in a resumed run the absence of this stage would reveal
        # that no row changed.
        tenths = Tenths(self._progress, "reading the private texts")
        if not rows:  # an empty shard must look like any other
            tenths.reached(1.0)
        if self._cache is None:
            found = np.empty((len(rows), self._embedder.dim), np.float16)
            blocks = self._blocks(rows, slice(0, len(rows)), tenths)
            for start, block in zip(count(0, EMBED_CHUNK), blocks, strict=False):
                found[start : start + len(block)] = block
            return found
        kept = self._cache.load()
        if kept is None:
            kept = self._cache.fill(len(rows), self._parts(self._cache, rows, tenths))
        self._cache.forget_parts()
        if kept.shape != (len(rows), self._embedder.dim):
            raise RunError(
                "The stored embeddings do not match the rows of this run.",
                hint="Start a new run in another folder with -o.",
            )
        return kept

    def _rows_of(self, texts: Sequence[str], part: slice) -> npt.NDArray[np.float32]:
        rows = self._embedder.embed(texts[part])
        if not np.isfinite(rows).all():  # then each text is embedded alone, so that one cannot spoil others
            raise ValueError("rows that are not finite")
        return rows

    def _parts(self, cache: Vectors, rows: tuple[Document, ...], tenths: Tenths) -> Iterator[Halves]:
        """The rows of all texts. A run that is stopped keeps the parts that it had finished."""
        for number, start in enumerate(range(0, len(rows), PART)):
            some = rows[start : start + PART]
            about = _digest(some)
            part = cache.part(number, about, len(some))
            if part is None:
                part = np.concatenate(list(self._blocks(rows, slice(start, start + len(some)), tenths)))
                if start + PART < len(rows):  # after the last one all rows are stored at once
                    cache.keep_part(number, about, part)
            yield part
            tenths.reached((start + len(some)) / len(rows))

    def _blocks(self, rows: tuple[Document, ...], part: slice, tenths: Tenths) -> Iterator[Halves]:
        for start in range(part.start, part.stop, EMBED_CHUNK):
            chunk = [row.text for row in rows[start : min(start + EMBED_CHUNK, part.stop)]]
            found = each_or_none(len(chunk), partial(self._rows_of, chunk))
            nothing = np.zeros(self._embedder.dim, np.float32)
            yield halves(
                np.stack([nothing if row is None or row.shape != nothing.shape else row for row in found])
            )
            tenths.reached((start + len(chunk)) / len(rows))


def _digest(rows: Sequence[Document]) -> bytes:
    """A hash of the texts, in their order."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(hashlib.sha256(row.text.encode(errors="surrogatepass")).digest())
    return digest.digest()


def bound(
    corpus: PrivateCorpus, max_records: int | None, key: bytes, passage_words: int = 0
) -> tuple[Document, ...]:
    """At most ``max_records`` rows of each person, chosen at random, in file order; None keeps every row.

    A person's rows are ordered by a keyed hash of their content, with a key from the operating system's
    generator for this run. So every row is equally likely, a resumed run keeps the same ones, and neither
    other people's rows nor the order of the file matter. Equal rows of a person are numbered before hashing;
    which of them is kept makes no difference.

    With ``passage_words`` long rows are cut into passages, and the choice is among passages. A row without a
    user is a separate privacy unit: one passage of it is chosen.
    """
    rows = corpus.documents
    if max_records is None or not rows:
        return rows
    owners = unit_numbers(rows)
    pieces = np.fromiter((len(passages(row.text, passage_words)) for row in rows), np.int64, len(rows))
    held = np.bincount(np.maximum(owners, 0), np.where(owners < 0, 0, pieces))[np.maximum(owners, 0)]
    # A person with few rows keeps them all, so no order is drawn for them, which would be most of the work.
    whole = np.where(owners < 0, pieces == 1, held <= max_records)
    if whole.all() and (pieces == 1).all():
        return rows
    kept = [(at, number) for at in np.flatnonzero(whole).tolist() for number in range(pieces[at])]
    seen: Counter[bytes] = Counter()
    mine: dict[str, list[tuple[bytes, int, int]]] = {}
    for position in np.flatnonzero(~whole).tolist():
        row = rows[position]
        parts = _parts(row, passage_words)
        if row.user is None:
            kept.append((position, _one_of(parts, key)))
            continue
        for number, part in enumerate(parts):
            same = content_tag(key, "bound", part)
            mine.setdefault(row.user, []).append((_lot(key, same, seen[same]), position, number))
            seen[same] += 1
    for lots_of_one in mine.values():
        kept += [(position, number) for _, position, number in sorted(lots_of_one)[:max_records]]
    return tuple(
        rows[position] if pieces[position] == 1 else _parts(rows[position], passage_words)[number]
        for position, number in sorted(kept)
    )


def _one_of(parts: Sequence[Document], key: bytes) -> int:
    """The index of the passage that is kept of a row without a user; it depends on that row alone."""
    if len(parts) == 1:
        return 0
    lots = [_lot(key, content_tag(key, "bound", part), i) for i, part in enumerate(parts)]
    return lots.index(min(lots))


def _lot(key: bytes, same: bytes, nth: int) -> bytes:
    return hmac.digest(key, b"rpsg-bound/1\0%d\0" % nth + same, hashlib.sha256)


def _parts(row: Document, passage_words: int) -> Sequence[Document]:
    """A row, or the passages it is cut into, each with the other fields of the row."""
    found = passages(row.text, passage_words)
    return (row,) if len(found) == 1 else [replace(row, text=text) for text in found]


def unit_numbers(rows: tuple[Document, ...]) -> npt.NDArray[np.int64]:
    """The index of each row's person; a row without a user counts as a separate person."""
    users = [row.user for row in rows]
    # Hashes are numbered far faster than a million strings are looked up. If a row has another user than the
    # first row with its hash, two people share a hash, and the strings decide.
    numbers, first = numbered(np.fromiter(map(hash, users), np.int64, len(users)))
    first_of = first[numbers]
    again = np.flatnonzero(first_of != np.arange(len(users)))
    if any(users[row] != users[at] for row, at in zip(again.tolist(), first_of[again].tolist(), strict=True)):
        known: dict[str | None, int] = {}
        return _of_nobody(users, np.array([known.setdefault(user, len(known)) for user in users], np.int64))
    begins = np.zeros(len(users), np.int64)
    begins[first] = 1
    return _of_nobody(
        users, (np.cumsum(begins) - 1)[first_of]
    )  # in the order of the file, as in the other case


def _of_nobody(users: Sequence[str | None], numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The numbers of people, in which each row without a user gets its own number, below zero."""
    nobody = np.array([row for row, user in enumerate(users) if user is None], np.int64)
    numbers[nobody] = -nobody - 1
    return numbers


def passages(text: str, words: int) -> tuple[str, ...]:
    """A text in passages of about ``words`` words, in order; a text up to one and a half times as long is not
    cut.

    With ``words`` 0 nothing is cut. Every word is in exactly one passage.
    """
    # A word and the space after it are two characters or more, but a letter of a spaceless script is a word.
    if not words or len(text) < (3 if is_simple(text) else 1.5) * words:
        return (text,)
    spans = piece_spans(text)
    pieces = int(len(spans) / words + 0.5)
    if pieces < 2:
        return (text,)
    ends = _sentence_ends(text, spans)
    length = len(spans) / pieces
    cuts = [0, *(_cut(ends, round(i * length), int(length / 2)) for i in range(1, pieces)), len(spans)]
    return tuple(text[spans[a][0] : spans[b - 1][1]] for a, b in pairwise(cuts) if a < b)


def _sentence_ends(text: str, spans: list[tuple[int, int]]) -> list[int]:
    """Numbers of words after which a sentence or a line ends, in rising order."""
    return [
        i + 1
        for i, (start, end) in enumerate(spans[:-1])
        if _ENDS_SENTENCE.search(text, start, end) or "\n" in text[end : spans[i + 1][0]]
    ]


def _cut(ends: list[int], wanted: int, reach: int) -> int:
    """The sentence end nearest to ``wanted`` (ties: the first); ``wanted`` itself if none is close enough."""
    at = bisect_left(ends, wanted)
    near = [end for end in ends[max(at - 1, 0) : at + 1] if abs(end - wanted) < reach]
    return min(near, key=lambda end: (abs(end - wanted), end), default=wanted)


def each_or_none(count: int, ask: Callable[[slice], Iterable[T]]) -> list[T | None]:
    """One result of ``ask`` for each of ``count`` texts; None for a text for which ``ask`` fails even when it
    is asked for this text alone.

    Raises:
        RpsgError: as ``ask`` raises it, for a reason that does not depend on a text.
    """
    found = _asked(slice(0, count), ask)
    if found is not None:
        return found
    return [one[0] if one else None for one in (_asked(slice(i, i + 1), ask) for i in range(count))]


def _asked(part: slice, ask: Callable[[slice], Iterable[T]]) -> list[T | None] | None:
    try:
        found: list[T | None] = list(ask(part))
    except PlugInError:  # it may fail because of what it was given
        return None
    except (RpsgError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException:  # noqa: BLE001  # a panic of a Rust library is no Exception
        return None
    return found if len(found) == part.stop - part.start else None
