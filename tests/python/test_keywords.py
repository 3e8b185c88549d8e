"""The options of ``rpsg run`` are keywords of ``rpsg.synthesize``, by the same names."""

from __future__ import annotations

import inspect
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import rpsg
from rpsg.cli.app import parser
from rpsg.errors import UsageError
from rpsg.plan import Keywords, Plan, described, flat, layer_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Lab

#: What a function has no use for: it returns an object, and the page of --dry-run is rpsg.preview(...).
OF_THE_COMMAND_ALONE = {"json", "dry_run"}
TAKING_SETTINGS = (rpsg.synthesize, rpsg.make_plan, rpsg.preview, rpsg.samples, rpsg.check)


def options_of_run() -> set[str]:
    (command,) = [c for n, c in vars(parser)["commands"].items() if n == "run"]
    longest = [max(p.opts, key=len) for p in command.params if p.param_type_name == "option"]
    return {name.removeprefix("--").replace("-", "_") for name in longest} - {"help"}


def test_each_option_of_the_command_is_a_keyword_of_the_function() -> None:
    taken = set(inspect.signature(rpsg.synthesize).parameters)
    options = options_of_run()
    assert {"writer", "n_public", "seed", "max_cost", "out"} <= options
    assert options - taken == OF_THE_COMMAND_ALONE


def test_each_keyword_is_an_option_or_a_section() -> None:
    own = {"data", "progress"}
    sections = set(Plan.model_fields)
    taken = set(inspect.signature(rpsg.synthesize).parameters)
    assert taken - own - sections - options_of_run() == set()
    assert sections - taken == set()


def test_the_type_of_a_keyword_is_that_of_its_setting() -> None:
    hints = typing.get_type_hints(
        Keywords, localns={"Sequence": tuple, "Table": dict, "PathLike": Path}, include_extras=True
    )
    kinds = {"str": str, "int": int, "float": float, "bool": bool, "list": tuple}
    for setting in described(Plan):
        if setting.option:
            name = setting.option.removeprefix("--").replace("-", "_")
            parts = {typing.get_origin(part) or part for part in typing.get_args(hints[name])}
            assert kinds[setting.kind] in parts, name
            assert type(None) in parts, name


@pytest.mark.parametrize("function", TAKING_SETTINGS, ids=lambda f: f.__name__)
def test_every_keyword_is_in_the_signature_that_help_and_completion_read(
    function: Callable[..., Any],
) -> None:
    shown = inspect.signature(function).parameters
    assert set(Keywords.__annotations__) <= set(shown)
    assert not [p for p in shown.values() if p.kind is p.VAR_KEYWORD]


def test_a_keyword_sets_what_its_option_sets() -> None:
    plan = rpsg.make_plan(
        n_public=300,
        writer=Path("mine.gguf"),
        method="augpe",
        vault="none",
        max_cost=2.5,
        extra_header=("X-Team=TEAM",),
        seed=4,
    )
    assert plan.privacy.n_public == 300
    assert plan.models.writer == "mine.gguf"
    assert (plan.method.name, plan.vault.key, plan.limits.cost) == ("augpe", "none", 2.5)
    assert (plan.server.headers, plan.generation.seed) == (("X-Team=TEAM",), 4)


def test_a_section_is_given_whole_and_beside_keywords() -> None:
    plan = rpsg.make_plan(method={"select": "votes"}, rounds=2, generation={"temperature": 0.5}, seed=3)
    assert (plan.method.select, plan.method.rounds) == ("votes", 2)
    assert (plan.generation.temperature, plan.generation.seed) == (0.5, 3)


def test_none_is_not_set() -> None:
    assert layer_of({"label": None, "n_public": None, "paper": None}, "synthesize") == {}


def test_keywords_win_over_a_plan_file(tmp_path: Path) -> None:
    file = tmp_path / "rpsg.toml"
    file.write_text("[privacy]\nepsilon = 3.0\n[corpus]\nsize = 50\n")
    plan = rpsg.make_plan(config=file, epsilon=1.0)
    assert (plan.privacy.epsilon, plan.corpus.size) == (1.0, 50)


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"writr": "fake"}, "Did you mean writer=...?"),
        ({"n_publik": 3}, "Did you mean n_public=...?"),
        ({"nll_percentile": 3}, "Give it with its section: paper={'nll_percentile': ...}."),
        ({"temperature": 0.5}, " or generation={'temperature': ...}."),
        ({"zzzzzz": 1}, "The keywords are the options of `rpsg run`, with underscores"),
    ],
    ids=lambda given: str(given)[:20],
)
@pytest.mark.parametrize("function", [rpsg.make_plan, rpsg.preview, rpsg.samples], ids=lambda f: f.__name__)
def test_an_unknown_keyword_is_a_sentence_with_the_nearest_name(
    function: Callable[..., Any], given: dict[str, Any], hint: str
) -> None:
    with pytest.raises(UsageError) as refused:
        function(**given)
    assert refused.value.message == f"{function.__name__} has no keyword {next(iter(given))!r}."
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    ("layers", "given"),
    [
        (("notes.csv",), {}),
        ((Path("notes.csv"),), {}),
        ((), {"data": "notes.csv"}),
        ((), {"data": {"path": "notes.csv"}}),
        (({"data": {"path": "notes.csv"}},), {}),
    ],
)
def test_a_plan_takes_the_file_first_as_the_other_functions_do(
    layers: tuple[Any, ...], given: dict[str, Any]
) -> None:
    plan = rpsg.make_plan(*layers, text="note", **given)
    assert (plan.data.path, plan.data.text) == ("notes.csv", "note")


def test_what_is_no_file_is_refused_without_a_word_of_it() -> None:
    with pytest.raises(UsageError, match="data must be the path of a file") as refused:
        rpsg.make_plan(["Zaphod was here"])  # type: ignore[arg-type]  # that is the test
    assert "Zaphod" not in str(refused.value)
    with pytest.raises(UsageError, match="no keyword 'data'") as refused:
        rpsg.samples(data="notes.csv")  # type: ignore[call-arg]  # that is the test
    assert refused.value.hint == "samples reads no data. Leave it out."


def test_each_obstacle_of_a_preview_has_a_line_of_its_own_in_words_of_python() -> None:
    shown = str(rpsg.preview(writer="m", embedder="fake", base_url="http://127.0.0.1:1/v1"))
    stops = [line for line in shown.splitlines() if line.startswith("! ")]
    assert [line.split()[1] for line in stops] == ["A", "There", "No"]
    assert "--" not in "".join(stops)
    assert 'writer="openai:m"' in " ".join(shown.split())
    assert "column with `text`" in " ".join(shown.split())


def test_an_unknown_keyword_is_refused_before_there_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no keyword 'epsilom'") as refused:
        rpsg.synthesize("notes.csv", out=tmp_path / "run", epsilom=2.0)  # type: ignore[call-arg]  # that is the test
    assert "epsilon=" in refused.value.hint
    assert not (tmp_path / "run").exists()


def test_a_keyword_that_is_text_is_not_repeated() -> None:
    with pytest.raises(UsageError) as refused:
        layer_of({"Zaphod was\nhere": 1}, "make_plan")
    assert "Zaphod" not in str(refused.value)


def test_a_setting_that_is_given_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="epsilon is given twice"):
        rpsg.make_plan(epsilon=2.0, privacy={"epsilon": 4.0})


def test_a_section_that_is_no_dictionary_is_refused_with_its_settings() -> None:
    with pytest.raises(UsageError, match="models is a section") as refused:
        layer_of({"models": "fake"}, "make_plan")
    assert "writer, embedder" in refused.value.hint


def test_a_value_that_does_not_fit_is_named_by_its_setting() -> None:
    with pytest.raises(UsageError, match=r"privacy\.epsilon"):
        rpsg.make_plan(epsilon=-1.0)


def test_a_plan_takes_no_further_keywords(lab: Lab) -> None:
    with pytest.raises(UsageError, match="A plan already has all its settings"):
        rpsg.preview(lab.plan(), epsilon=3)


def test_a_data_frame_is_previewed_with_the_keywords_of_its_run() -> None:
    rows = [{"note": f"text {n}", "who": n} for n in range(400)]
    given: dict[str, Any] = {"text": "note", "user": "who", "writer": "fake", "embedder": "fake"}
    found = rpsg.preview(rows, account="ward 7", **given)
    assert found.epsilon == pytest.approx(2.0, abs=0.01)
    assert "one person" in found.claim
    with pytest.raises(UsageError, match="privacy account"):
        rpsg.preview(rows, **given)


def test_the_rows_of_a_data_frame_are_checked_without_an_account() -> None:
    rows = [{"note": "tea", "who": 1}, {"note": "", "who": 2}, {"note": "oil", "who": None}]
    found = rpsg.check(rows, text="note", user="who")
    assert {why: places.first for why, places in found.left_out.items()} == {
        "the text is missing or empty": [2],
        "the user is missing": [3],
    }


def test_texts_are_written_without_a_plan() -> None:
    found = rpsg.samples(count=2, writer="fake", domain="support")
    assert len(found) == 2
    assert all(sample.text for sample in found)


def test_the_plan_of_keywords_is_that_of_the_options() -> None:
    flags = flat(rpsg.make_plan(size=30, oversample=2.0).model_dump())
    sections = flat(rpsg.make_plan({"corpus": {"size": 30}, "method": {"oversample": 2.0}}).model_dump())
    assert flags == sections
