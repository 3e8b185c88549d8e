"""The notebook of the first steps runs from first to last, and Ctrl-C in a cell loses nothing."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "notebook" / "first_steps.ipynb"
CELLS: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
SOURCES = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]


def test_no_output_and_no_place_of_a_machine_is_kept_in_it() -> None:
    assert all(
        cell["outputs"] == [] and cell["execution_count"] is None for cell in CELLS if "outputs" in cell
    )
    assert not re.search(r"/home/|/Users/|/root/|[A-Z]:\\", NOTEBOOK.read_text(encoding="utf-8"))


def test_the_links_lead_to_pages() -> None:
    links = re.findall(r"\]\(([^)]+)\)", "".join("".join(cell["source"]) for cell in CELLS))
    assert len(links) >= 2
    assert all((NOTEBOOK.parent / link).is_file() for link in links)


def value_of(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; the value of its last line, as a notebook shows it."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)  # our own notebook
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)  # as above


def test_every_cell_runs_and_shows_a_card_or_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas", reason="pandas comes with the tools of development")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    shown = [value for value in (value_of(source, names) for source in SOURCES) if value is not None]
    assert len(shown) == len(SOURCES) - 1  # all but the imports
    assert all("<table" in value._repr_html_() for value in shown)
    assert len(names["run"].texts) == 40
    assert names["checked"].ok
    assert {line.name for line in names["report"].lines} == {"fid", "self_bleu", "length_distance"}
    assert any(line.score is not None for line in names["report"].lines)  # there are a floor and a ceiling


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Executes cells in a kernel of its own, and gives them back with their outputs."""
    client = pytest.importorskip("nbclient", reason="Jupyter comes with the tools of development")
    form = pytest.importorskip("nbformat", reason="Jupyter comes with the tools of development")
    pytest.importorskip("ipykernel", reason="Jupyter comes with the tools of development")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))

    def execute(notebook: Any) -> list[Any]:
        client.NotebookClient(notebook, timeout=90, resources={"metadata": {"path": str(tmp_path)}}).execute()
        return [cell for cell in notebook.cells if cell.cell_type == "code"]

    execute.form = form  # type: ignore[attr-defined]  # for tests that write cells of their own
    return execute


def html_of(cell: Any) -> str:
    return "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_it_runs_in_jupyter_and_shows_its_progress(kernel: Any) -> None:
    pytest.importorskip("pandas", reason="pandas comes with the tools of development")
    cells = kernel(kernel.form.read(NOTEBOOK, as_version=4))
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    (running,) = [cell for cell in cells if cell.source.startswith("run = ")]
    assert "writing candidates: done in" in html_of(running)
    assert "Run: 40 synthetic texts, epsilon 2, in run" in html_of(running)
    assert "The claim holds: all" in html_of(cells[-2])
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "stream"]


INTERRUPTED = '''
import signal
import rpsg
from rpsg.models.fake import FakeWriter

answered = []

def write(writer, requests, on_reply=None):
    """Each reply is told at once, as a real writer does; Ctrl-C comes before the twelfth."""
    given = []
    for index, request in enumerate(requests):
        if len(answered) == 11:
            answered.append("Ctrl-C")
            signal.raise_signal(signal.SIGINT)
        given.append(writer._reply(request))
        answered.append(repr(request))
        if on_reply is not None:
            on_reply(index, given[-1])
    return given

FakeWriter.write = write
rows = [{"text": f"the tea of person {n} was cold", "user": n} for n in range(400)]
given = dict(account="ward 7", user="user", writer="fake", embedder="fake", epsilon=4.0, size=8, out="run")
'''
CALL = "run = rpsg.synthesize(rows, **given)\nrun"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ctrl_c_in_jupyter_stops_the_cell_and_the_same_cell_resumes(kernel: Any) -> None:
    v4 = kernel.form.v4
    stopped = v4.new_code_cell(CALL, metadata={"tags": ["raises-exception"]})
    cells = [v4.new_code_cell(INTERRUPTED), stopped, v4.new_code_cell(CALL)]
    cells.append(v4.new_code_cell("print(len(run.texts), len(answered) - len(set(answered)))"))
    _, first, second, counted = kernel(v4.new_notebook(cells=cells))
    assert [output.ename for output in first.outputs if output.output_type == "error"] == [
        "KeyboardInterrupt"
    ]
    assert "Stopped. The same call resumes" in html_of(first)
    assert "Run: 8 synthetic texts, epsilon 4, in run" in html_of(second)
    assert counted.outputs[0].text.split() == ["8", "0"]  # nothing was written twice
