"""The commands on the real ``rpsg.api``, with models that need no weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rpsg import registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt
    from tests.cli.conftest import Rpsg

SECRET = "Zanzibar Quux"
PEOPLE = 2500
OPTIONS = ("notes.csv", "--domain", "food-reviews", "--n-public", str(PEOPLE), "--size", "20")
RUN = ("run", *OPTIONS, "--writer", "fake", "--embedder", "fake", "-o", "run one")


class Mood:
    """A classifier that reads no weights."""

    name = "mood"
    endpoint = "local_model"
    values = ("positive", "mixed", "negative")

    def classify(self, texts: Sequence[str], embeddings: npt.NDArray[np.float32]) -> list[str]:
        return [self.values[len(text) % 3] for text in texts]


@pytest.fixture(autouse=True)
def _notes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RPSG_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(registry, "sentiment", lambda *_, **__: Mood())
    rows = "".join(f'"{SECRET} drank tea number {i} with {i % 7} biscuits"\n' for i in range(PEOPLE))
    Path("notes.csv").write_text("text\n" + rows)


def test_a_run_is_made_and_holds(rpsg: Rpsg) -> None:
    made = rpsg(*RUN)
    assert made.code == 0, made.err
    assert SECRET not in made.out + made.err
    assert "rpsg verify 'run one'" in made.out
    assert rpsg("verify", "run one").code == 0


def test_a_changed_release_ends_in_8(rpsg: Rpsg) -> None:
    rpsg(*RUN)
    corpus = Path("run one", "release", "corpus.jsonl")
    corpus.chmod(0o644)
    corpus.write_text(corpus.read_text() + '{"id": 999, "text": "one more"}\n')
    shown = rpsg("verify", "run one")
    assert shown.code == 8
    assert "✗" in shown.out


def test_another_plan_does_not_go_into_the_same_folder(rpsg: Rpsg) -> None:
    rpsg(*RUN)
    assert rpsg(*RUN, "--seed", "9").code == 7


def test_a_plan_shows_its_price_and_reads_no_row(rpsg: Rpsg) -> None:
    header = Path("notes.csv").read_text().splitlines()[0]
    Path("notes.csv").write_text(f'{header}\n"a quote that is never closed')
    page = rpsg("plan", *OPTIONS)
    assert page.code in {0, 6}, "6 where the default models were not pulled"
    assert "best attacker" in page.out
    assert "sketch" in page.out


def test_a_plan_of_a_file_or_a_column_that_is_not_there_ends_in_3_with_the_columns_there_are(
    rpsg: Rpsg,
) -> None:
    failed = rpsg("plan", *OPTIONS, "--text", "nosuch")
    assert failed.code == 3
    assert "Columns in the file:" in failed.err
    Path("notes.csv").unlink()
    assert rpsg("plan", *OPTIONS).code == 3


def test_a_mistyped_column_leaves_no_folder_and_the_corrected_command_goes_on(rpsg: Rpsg) -> None:
    assert rpsg(*RUN, "--text", "nosuch").code == 3
    assert not Path(RUN[-1]).exists()
    assert rpsg(*RUN).code == 0


def test_data_that_are_not_there_end_in_3(rpsg: Rpsg) -> None:
    Path("notes.csv").unlink()
    failed = rpsg(*RUN)
    assert failed.code == 3
    assert "notes.csv" in failed.err


def test_too_few_people_end_in_4(rpsg: Rpsg) -> None:
    assert rpsg("plan", "notes.csv", "--domain", "food-reviews", "--n-public", "30").code == 4
