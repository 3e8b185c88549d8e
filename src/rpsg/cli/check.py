"""``rpsg check``: which rows a run cannot use, and why, for the operator only."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rpsg.cli.options import SETTINGS, AsJson, Config, takes_settings
from rpsg.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rpsg.cli.console import Screen
    from rpsg.storage.readers import Reading
    from rpsg.storage.readers.rows import RowNumbers

SHOWN = 20
PRIVATE = "This page is private: it counts rows without noise. Do not share it."


@functools.partial(
    takes_settings, settings=tuple(s for s in SETTINGS if s.key.startswith(("data.", "vault.")))
)
def check(
    given: dict[str, Any],
    config: Config = None,
    every: Annotated[
        bool, typer.Option("--all", metavar="", help="List all such rows, not only the first 20.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the rows of DATA that a run cannot use, and why. The output is as private as the rows.

    Rows are identified by number, never by content. No budget is spent. The exit code is 3 if there is such a
    row or the file cannot be read; a run leaves such rows out without reporting them.
    """
    from rpsg import api
    from rpsg.cli.console import Screen, print_json
    from rpsg.cli.settings import gather, make_plan

    plan = make_plan(gather(given, config, os.environ))
    reading = api.check(plan)
    if as_json:
        print_json({"check": _facts(reading)})
    else:
        _show(Screen.stdout(), reading, plan.data.passage_words, plan.data.language, None if every else SHOWN)
    if reading.left_out:
        raise typer.Exit(DataError.exit_code)


def _facts(reading: Reading) -> dict[str, Any]:
    from rpsg.textstats.languages import languages_of

    return {
        "private": True,
        "numbers_are": reading.unit,
        "rows": reading.rows,
        "used": len(reading.corpus),
        "languages": languages_of(row.text for row in reading.corpus),
        "left_out": reading.left_out,
        "counted_as_other": reading.as_other,
    }


def _show(screen: Screen, reading: Reading, words: int, declared: str, most: int | None) -> None:
    from rpsg.stages.contributions import passages
    from rpsg.textstats.languages import languages_of

    screen.line(PRIVATE, "yellow")
    facts = [("rows", f"{reading.rows:,}"), ("can be used", f"{len(reading.corpus):,}")]
    if reading.corpus:
        found = languages_of(row.text for row in reading.corpus)
        facts.append(("language", _tongue(found, len(reading.corpus), declared)))
    if people := {row.user for row in reading.corpus} - {None}:
        facts.append(("people", f"{len(people):,}"))
    if cut := sum(len(passages(row.text, words)) > 1 for row in reading.corpus):
        facts.append(
            ("cut into passages", f"{cut:,}: strict mode cuts them into passages of about {words:,} words")
        )
    screen.facts(facts)
    _show_rows(screen, "Left out of a run", reading.left_out, reading.unit, most)
    _show_rows(screen, 'Counted as "other"', reading.as_other, reading.unit, most)
    if reading.left_out:
        screen.heading("What to do")
        screen.items(f"{reason}: {reading.hints[reason]}" for reason in reading.left_out)
    else:
        screen.line()
        screen.line("Every row can be used.", "green")


def _tongue(found: Mapping[str, int], usable: int, declared: str) -> str:
    """The language of most of the ``usable`` rows, as far as it can be recognized, and the declared one."""
    from rpsg.textstats.languages import name_of

    if not found:
        return "not recognized: the rows are too short, or in a language that RPSG does not know"
    code, count = next(iter(found.items()))
    rows = sum(found.values())
    some = f"all {rows:,} rows" if count == rows else f"{count:,} of the {rows:,} rows"
    told = f"{name_of(code)} ({code}) in {some} whose language can be recognized"
    if others := usable - rows:
        told += f"; {others:,} more are too short, or in a language that RPSG does not know"
    if declared and declared != code:
        return f"{told}. But {name_of(declared)} ({declared}) is declared."
    advice = f". If you knew the language before you looked, declare it: --language {code}"
    return told if declared or code == "en" else told + advice


def _show_rows(
    screen: Screen, title: str, found: Mapping[str, RowNumbers], unit: str, most: int | None
) -> None:
    numbered = sorted((number, reason) for reason, rows in found.items() for number in rows.first)
    if not numbered:
        return
    shown = numbered[:most]
    more = f", the first {len(shown)}; --all shows all" if len(shown) < len(numbered) else ""
    screen.heading(f"{title} ({len(numbered):,}{more})")
    screen.table((unit, "why"), [(str(number), reason) for number, reason in shown], numbers=(unit,))
