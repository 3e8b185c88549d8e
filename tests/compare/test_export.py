"""CSV, LaTeX and Markdown: everything is in them, and no name of a method is a command in any of them."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace

import pytest
from tests.compare.conftest import comparison, outcome

from rpsg.compare.export import latex, tables_as_text, to_csv, to_latex, to_markdown

HOSTILE = r"=cmd|' /C calc'!A0 \input{/etc/passwd} & 100% #1_$x$ <b>|</b>"

ATTACKS = {
    "copies": {"auc": None, "limit": 0.02, "epsilon_lower": 0.0, "verdict": "no violation seen"},
    "refer": {"auc": 0.56, "limit": 0.08, "epsilon_lower": 0.31, "verdict": "no violation seen"},
    "ppl": {"auc": 0.51, "limit": None, "epsilon_lower": 0.1, "verdict": "no violation seen"},
}


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_every_cell_is_a_row_of_csv_run_or_not() -> None:
    found = comparison(
        outcome("ours", 1.25, tokens=500),
        outcome("ours", epsilon=math.inf, state="not supported", reason="It adds noise."),
    )
    first, second = rows(to_csv(found))
    assert (first["method"], first["fid"], first["tokens"], first["epsilon"]) == (
        "ours",
        "1.25",
        "500",
        "2.0",
    )
    assert (second["state"], second["reason"], second["fid"]) == ("not supported", "It adds noise.", "")
    assert second["epsilon"] == "inf"


def test_the_dagger_is_explained_only_if_a_method_has_one() -> None:
    whole = comparison(outcome("ours", 1.0, texts=100), outcome("theirs", 2.0, texts=100))
    short = comparison(outcome("ours", 1.0, texts=100), outcome("theirs", 2.0, texts=50))
    assert r"\dagger" not in to_latex(whole)
    assert "released fewer than" in to_latex(short)


def test_audits_are_in_the_csv_and_in_the_tables_with_what_the_attack_could_have_seen() -> None:
    cell = outcome("ours", 1.0)
    assert cell.figures is not None
    found = {"verdict": "no violation seen", "reason": "", "epsilon_lower": 0.31, "attacks": ATTACKS}
    audited = comparison(replace(cell, figures={**cell.figures, "audit": found}), outcome("theirs", 2.0))
    first, second = rows(to_csv(audited))
    assert (first["audit_epsilon_lower"], first["audit_attack"]) == ("0.31", "refer")
    assert (first["audit_auc"], first["audit_limit"]) == ("0.56", "0.08")
    assert second["audit_auc"] == ""
    (_, columns, (row, _)) = tables_as_text(audited)[0]
    shown = dict(zip(columns, row, strict=True))
    assert shown["audit: ε at least"] == "0.31"
    assert shown["audit: AUC"] == "0.560 (refer, detects a leak of 8 %)"


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_no_text_is_a_formula_of_a_spreadsheet(start: str) -> None:
    (row,) = rows(to_csv(comparison(outcome(f"{start}1+1", 1.0))))
    assert row["method"] == f"'{start}1+1"


def test_a_negative_number_stays_a_number() -> None:
    (row,) = rows(to_csv(comparison(outcome("ours", -1.5))))
    assert row["fid"] == "-1.5"


def test_commas_quotes_and_lines_stay_in_their_cell_of_csv() -> None:
    (row,) = rows(to_csv(comparison(outcome('a "b", c\nd', 1.0))))
    assert row["method"] == 'a "b", c d'


def test_nothing_in_a_name_is_a_command_of_latex() -> None:
    body = to_latex(comparison(outcome(HOSTILE, 1.0), outcome("theirs", 2.0)))
    assert r"\input" not in body
    assert r"\textbackslash{}input\{/etc/passwd\} \& 100\% \#1\_\$x\$" in body
    assert latex("~^\\") == r"\textasciitilde{}\textasciicircum{}\textbackslash{}"


def test_each_line_of_a_latex_table_has_as_many_cells_as_its_head() -> None:
    found = comparison(
        outcome(HOSTILE, 1.0, tokens=10),
        outcome("theirs", 2.0, tokens=90),
        outcome("third", state="failed", reason="a & b"),
    )
    body = to_latex(found)
    assert body.count(r"\begin{tabular}") == len(tables_as_text(found)) == 3
    for table in body.split(r"\toprule")[1:]:
        lines = [line for line in table.splitlines() if line.endswith(r"\\")]
        assert len({line.replace(r"\&", "").count("&") for line in lines}) == 1
        assert len(lines) >= 3


def test_intervals_and_infinity_are_mathematics_in_latex() -> None:
    found = comparison(outcome("ours", 1.0, epsilon=math.inf), outcome("ours", 2.0, epsilon=math.inf, seed=1))
    body = to_latex(found)
    assert r"1.50 $\pm$ 6.35" in body
    assert r"$\infty$" in body
    assert body.isascii()


def test_nothing_in_a_name_is_markup_of_markdown() -> None:
    body = to_markdown(comparison(outcome(HOSTILE, 1.0)))
    assert "<b>" not in body.replace(r"\<", "")
    line = next(line for line in body.splitlines() if "calc" in line)
    assert line.replace(r"\|", "").count("|") == body.splitlines()[2].count("|")


def test_columns_in_which_nothing_stands_are_left_out_of_markdown() -> None:
    body = to_markdown(comparison(outcome("ours", 1.0), outcome("theirs", 2.0)))
    assert "audit" not in body
    assert "FID" in body
