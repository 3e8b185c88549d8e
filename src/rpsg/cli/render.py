"""The output for a preview, a finished run and a verification."""

from __future__ import annotations

import shlex
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rpsg.cli.check_words import in_words
from rpsg.pipeline.reporting import seconds_in_words
from rpsg.privacy.gaussian import rounded_up
from rpsg.storage.layout import CSV, PRIVATE, REPORT, STAGE_TABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpsg.cli.console import Screen
    from rpsg.plan import Plan
    from rpsg.plan.previews import Preview
    from rpsg.release.run import Run, Verification


def show_preview(
    screen: Screen, preview: Preview, plan: Plan, origins: Mapping[str, str], again: Sequence[str]
) -> None:
    """What is claimed, what it costs, and what is sent where; ``again`` is the command that runs the plan."""
    _claim(screen, preview)
    _stages(screen, preview)
    _schema(screen, preview)
    _work(screen, preview)
    _limits(screen, preview)
    _odometer(screen, preview)
    _origins(screen, plan, origins)
    if preview.explanations:
        screen.heading("How this was decided")
        screen.items(preview.explanations)
    if preview.warnings:
        screen.heading("Read this before you run it")
        screen.items(preview.warnings, sign="!", style="yellow")
    screen.heading("Next")
    if preview.obstacles:
        screen.line("  Nothing was spent. As things are, a run would stop before it spends anything:")
        screen.items(preview.obstacles, sign="✗", style="red")
        screen.line("  Once that is fixed, run it with:")
    else:
        refused = "The account has too little budget left for this run. With enough budget, run it with:"
        screen.line(f"  Nothing was spent. {refused if preview.is_refused else 'Run it with:'}")
    screen.command(shlex.join(again))


def _claim(screen: Screen, preview: Preview) -> None:
    screen.heading(f"What would be claimed ({preview.method})")
    screen.line(preview.claim)
    facts = []
    if preview.epsilon is not None:
        delta = "" if preview.delta is None else f", delta {preview.delta:g}"
        facts.append(("epsilon", f"{preview.epsilon:.4g}{delta}"))
    if preview.epsilon_replace_one is not None:
        facts.append(
            (
                "if one person or row is replaced by another",
                f"epsilon {rounded_up(preview.epsilon_replace_one, 3)}",
            )
        )
    facts += [(_attack(name), f"{rounded_up(100 * value, 1)}%") for name, value in preview.attacker.items()]
    if facts:
        screen.facts(facts)


def _attack(name: str) -> str:
    """The words for a figure of the best possible attack."""
    words = {
        "auc": "best attacker: AUC (50 % is guessing)",
        "tpr_at_fpr_1_percent": "members found, 1 % wrongly accused",
        "tpr_at_fpr_01_percent": "members found, 0.1 % wrongly accused",
    }
    return words.get(name, name.replace("_", " "))


def _stages(screen: Screen, preview: Preview) -> None:
    if preview.stages:
        screen.heading("What is read from the private data, and with how much noise")
        rows = [
            (s.stage, f"{s.noise:.3g}", f"{s.sensitivity:.3g}", f"{s.share:.0%}", s.in_words)
            for s in preview.stages
        ]
        header = ("step", "noise", "sensitivity", "budget", "in words")
        screen.table(header, rows, numbers=("noise", "sensitivity", "budget"))
    if preview.flows:
        screen.heading("Who sees what")
        screen.table(("step", "where", "sees"), [(f.stage, f.place, f.sees) for f in preview.flows])


def _schema(screen: Screen, preview: Preview) -> None:
    if not preview.attributes:
        return
    counted = f"{preview.cells} noisy counts" if preview.cells else "drawn evenly: nothing is counted"
    screen.heading(f"Attributes of a text ({counted})")
    rows = [
        (name, kind, str(number), _some(values, number)) for name, kind, number, values in preview.attributes
    ]
    screen.table(("attribute", "found by", "values", "such as"), rows, numbers=("values",))


def _some(values: Sequence[str], number: int) -> str:
    """The first six of ``number`` values, separated by semicolons if one of them contains a comma."""
    shown = [*values[:6], *(["..."] if number > 6 else [])]
    return ("; " if any("," in value for value in shown) else ", ").join(shown)


def _work(screen: Screen, preview: Preview) -> None:
    screen.heading("Size and work")
    who = preview.asked
    counts = any(stage.stage == "size" for stage in preview.stages)
    unknown = "counted with noise during the run" if counts else "not asked"
    people: list[tuple[str, str]] = [(who, _number(preview.people, unknown))]
    if preview.smallest_people is not None:
        people.append((f"minimum number of {who}", f"{preview.smallest_people:,}"))
    facts, seconds = list(people if preview.stages else ()), preview.seconds
    if preview.llm_calls is None:
        facts.append(("work of the writer", "not declared by the method"))
    else:
        facts += [
            ("candidates", _number(preview.candidates, "")),
            ("calls of the writer", f"{preview.llm_calls:,}"),
            ("tokens", f"{preview.prompt_tokens:,} read, {preview.new_tokens:,} written"),
            ("time", "not known" if seconds is None else f"about {seconds_in_words(seconds)}"),
        ]
    screen.facts(facts)


def _limits(screen: Screen, preview: Preview) -> None:
    """Estimated usage next to the limits; nothing if no limit is set and nothing costs money."""
    if not preview.prices and all(line.cap is None for line in preview.forecasts):
        return
    screen.heading("What the run uses, and its limits")
    rows = [
        (
            line.what,
            *(_figure(value, "not known") for value in (line.about, line.at_most)),
            _figure(line.cap, f"none ({line.option})"),
        )
        for line in preview.forecasts
    ]
    screen.table(("of", "about", "at most", "limit"), rows, numbers=("about", "at most", "limit"))
    if preview.prices:
        screen.line(f"  Prices: {preview.prices}.")


def _figure(value: float | None, otherwise: str) -> str:
    if value is None:
        return otherwise
    return f"{value:,.0f}" if value >= 100 or float(value).is_integer() else f"{value:.3g}"


def _number(value: int | None, otherwise: str) -> str:
    return otherwise if value is None else f"{value:,}"


def _odometer(screen: Screen, preview: Preview) -> None:
    if preview.odometer:
        screen.heading("What the account of these data has spent over all runs")
        screen.facts((name.replace("_", " "), f"{value:.4g}") for name, value in preview.odometer.items())


def _origins(screen: Screen, plan: Plan, origins: Mapping[str, str]) -> None:
    """Every setting that was given, and its origin."""
    from rpsg.cli.settings import values_of

    values = values_of(plan)
    rows = [(key, _value(values.get(key)), origin) for key, origin in origins.items()]
    if rows:
        screen.heading("Settings that differ from their default")
        screen.table(("setting", "value", "from"), rows)


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def show_run(screen: Screen, run: Run, cautions: Sequence[str] = ()) -> None:
    """The summary, the time spent writing, the warnings, and what to type next."""
    screen.markdown(run.summary)
    stages = run.path / PRIVATE / STAGE_TABLE
    if stages.is_file():
        screen.heading("The stages, with counts and times that depend on private texts (do not share)")
        screen.command(str(stages))
    if run.timings:
        screen.heading("How long writing took this time")
        screen.facts((stage, seconds_in_words(took)) for stage, took in run.timings.items())
    if cautions:
        screen.heading("Read this before you use the texts")
        screen.items(cautions, sign="!", style="yellow")
    screen.heading("Next")
    screen.line("  The texts as a table, and a report to open in a browser:")
    screen.command(str(run.release / CSV))
    screen.command(str(run.release / REPORT))
    screen.line("  Anybody who has the release can check it:")
    screen.command(shlex.join(["rpsg", "verify", str(run.path), *_to_allow(run)]))
    screen.line(f"  {_sharing(run)}")
    screen.command(str(run.release))


def _to_allow(run: Run) -> list[str]:
    """The options that let a verifier load the plug-ins of this run.

    A verifier never needs the writer, because its replies are in the release. For a release that was
    written from private texts, only the method is needed.
    """
    loaded = {"method"}
    if run.ledger.get("reads") in {"nothing", "noisy_answers"}:
        loaded |= {"embedder", "classifier", "scorer"}
    extensions = run.ledger.get("code", {}).get("extensions", ())
    names = [extension["name"] for extension in extensions if extension["kind"] in loaded]
    return [word for name in names for word in ("--allow-plugin", name)]


def _sharing(run: Run) -> str:
    """What may be done with the release, by its claim."""
    claim = run.ledger.get("claim", {}).get("type")
    if claim == "no_formal_guarantee":
        return "Do not publish this: no guarantee covers it, and it may contain private texts."
    if claim == "voters_only_dp":
        return (
            "This folder protects the voters. Its donors are not protected, and it may contain their texts: "
            "share the folder only if they agree. Everything else in the run folder is private:"
        )
    return "This folder may be shared; everything else in the run folder is private:"


def run_facts(run: Run, cautions: Sequence[str] = ()) -> dict[str, Any]:
    """A finished run as JSON-ready facts, without its texts, which are in the release."""
    return {
        "path": run.path,
        "release": run.release,
        "texts": len(run.texts),
        "epsilon": run.epsilon,
        "claim": run.ledger.get("claim"),
        "timings": run.timings,
        "summary": run.summary,
        "warnings": list(cautions),
    }


def show_verification(screen: Screen, found: Verification, *, is_private: bool = False) -> None:
    """Each check, what no check can show, and the verdict; ``is_private`` if it read the vault.

    A passed check is explained in one clause. Files that passed the same check share one line, so that a
    failure is easy to see.
    """
    if is_private:
        screen.line("This page is private: it tests noise against exact counts. Do not share it.", "yellow")
    screen.heading(f"Checks of {found.path}")
    explained = [
        replace(check, detail=in_words(check.name, check.detail, claims=found.claims)) if check.ok else check
        for check in found.checks
    ]
    for (ok, detail), same in groupby(explained, lambda check: (check.ok, check.detail)):
        sign, style = ("✓", "green") if ok else ("✗", "red")
        names = [check.name for check in same]
        if ok and len(names) > 1:
            screen.items([f"{', '.join(names)}: each {detail}"], sign, style)
        else:
            screen.items([f"{name}: {detail}" if detail else name for name in names], sign, style)
    if found.cannot_show:
        screen.heading("What no check can show")
        screen.items(found.cannot_show)
    failed = sum(not check.ok for check in found.checks)
    screen.line()
    if found.ok and not found.claims:
        screen.line(f"No file that the ledger names was changed: all {len(found.checks)} checks passed.")
        screen.line("This release makes no differential-privacy claim.", "yellow")
    elif found.ok:
        screen.line(f"The claim holds: all {len(found.checks)} checks passed.", "green")
    elif not found.checks:
        screen.line("Nothing was checked, so nothing about this release is proved.", "red")
    else:
        screen.line(f"The release does not hold: {failed} of {len(found.checks)} checks failed.", "red")
