"""The promises that every exercise keeps, over the registry of all.

Each answer is written into a copy of the chapter's notebook under the stub's
name, and checked as a reader's would be. A sample keeps the tests alive
while there are no chapters.
"""
import ast
import copy
import functools
import json
import re
import sys
import tempfile
import types
from pathlib import Path

import numpy as np
import pytest

from tinygen.exercises import (
    appendix,
    finding,
    lifting,
    registry,
    reports,
    runner,
)
from tinygen.exercises.answer import Answer, attempt, likely_mistake
from tinygen.exercises.compare import is_tensor, plain

SAMPLE = Path(__file__).parent / "exercises" / "sample"
ROOTS = {SAMPLE: SAMPLE, registry.HERE: registry.CHAPTERS}
EXERCISES = [pytest.param(root, name, id=f"{chapter}-{name}")
             for root in ROOTS
             for name, chapter in registry.registered(root).items()]
CHAPTERS = [pytest.param(root, chapter, id=chapter) for root in ROOTS
            for chapter in dict.fromkeys(registry.registered(root).values())]


def mistakes(root, name):
    """The names after the double underscore in the file of wrong answers."""
    chapter = registry.registered(root)[name]
    return [f.removeprefix(name + "__")
            for f in function_names(root / "wrong" / f"ch{chapter}.py")
            if f.startswith(name + "__")]


@functools.cache
def function_names(path):
    return registry.function_names(path.read_text(encoding="utf-8"))


# The first mistake of each exercise in `make test`, all others in test-long
WRONG = [pytest.param(*case.values, mistake, id=f"{case.id}-{mistake}",
                      marks=[pytest.mark.long] if k else [])
         for case in EXERCISES
         for k, mistake in enumerate(mistakes(*case.values))]


# ---- notebooks ----------------------------------------------------------

def notebook_path(root, chapter):
    return ROOTS[root] / f"{chapter}_exercises.ipynb"


def notebook(root, name):
    return _notebook(notebook_path(root, registry.registered(root)[name]))


@functools.cache
def _notebook(path):
    return json.loads(path.read_text(encoding="utf-8"))


@functools.cache
def lifted_module(path):
    """A module of solutions or wrong answers."""
    source = path.read_text(encoding="utf-8")
    return lifting.Lifted([lifting.Cell("", source)])


def code_cells(book):
    return [c for c in book["cells"] if c["cell_type"] == "code"]


def text(cell):
    return "".join(cell["source"])


def stubs(book):
    """name -> (the stub's node, the number of its code cell)."""
    found = {}
    for i, cell in enumerate(code_cells(book)):
        lifted = lifting.Lifted([lifting.Cell("", text(cell))])
        for s in lifted.statements:
            if lifted.is_stub(s):
                assert s.node.name not in found, "two stubs of one name"
                found[s.node.name] = s.node, i
    return found


def answered(root, name, source):
    """The cells of a copy of the notebook with `source` as the answer."""
    book = copy.deepcopy(notebook(root, name))
    cell, = [c for c in code_cells(book) if f"def {name}(" in text(c)]
    cell["source"] = source
    return book


def lifted_cells(book, folder):
    path = folder / "answers.ipynb"
    path.write_text(json.dumps(book), encoding="utf-8")
    return lifting.notebook_cells(path)


def source_of(root, name, mistake=None):
    """The solution or a wrong answer, with what it needs, under `name`."""
    own = f"{name}__{mistake}" if mistake else name
    file = f"ch{registry.registered(root)[name]}.py"
    lifted = lifted_module(root / ("wrong" if mistake else "solutions") / file)
    body = []
    for _, source, wanted in lifted.pieces(own):
        nodes = ast.parse(source).body
        body += [nodes[i] for i in wanted]
    for node in ast.walk(ast.Module(body, [])):
        if isinstance(node, ast.FunctionDef) and node.name == own:
            node.name = name
        if isinstance(node, ast.Name) and node.id == own:
            node.id = name
    return "\n\n".join(map(ast.unparse, body))


# ---- what must be there -------------------------------------------------

def test_names_are_unique_in_the_book():
    assert registry.registered() is not None  # ValueError names a duplicate


@pytest.mark.parametrize("root, chapter", CHAPTERS)
def test_stubs_and_exercises_are_the_same(root, chapter):
    path = notebook_path(root, chapter)
    book = json.loads(path.read_text(encoding="utf-8"))
    names = [n for n, c in registry.registered(root).items() if c == chapter]
    assert sorted(stubs(book)) == sorted(names)
    cells = [text(cell).strip() for cell in code_cells(book)]
    for name, (node, i) in stubs(book).items():
        assert ast.get_docstring(node), f"{name}: the stub says nothing"
        assert cells[i + 1] == f'tg.check("{name}")', (
            f"{name}: the check cell does not follow the stub")
        assert len(ast.parse(cells[i]).body) == 1


@pytest.mark.parametrize("root, chapter", CHAPTERS)
def test_no_solution_and_no_wrong_answer_is_left_over(root, chapter):
    names = registry.registered(root)
    for kind in ("solutions", "wrong"):
        path = root / kind / f"ch{chapter}.py"
        for own in function_names(path):
            name, double, mistake = own.partition("__")
            assert names.get(name) == chapter, f"{own} belongs to no check"
            assert bool(mistake) == (kind == "wrong"), own


@pytest.mark.parametrize("root, name", EXERCISES)
def test_an_exercise_is_complete(root, name):
    exercise = registry.load(name, root)
    assert callable(exercise.solution), f"{name} has no solution"
    assert len(exercise.wrong) >= 2, f"{name} needs two wrong answers"
    assert exercise.options.section, f"{name} has no section to reread"
    stub, _ = stubs(notebook(root, name))[name]
    module = parsed(exercise.solution_source + exercise.wrong_source)
    for node in module.body:
        own = getattr(node, "name", "")
        if own == name or own.startswith(name + "__"):
            assert ast.unparse(node.args) == ast.unparse(stub.args), (
                f"{own}: not the stub's parameters")
            if own != name:
                hint, _ = reports.tidy(ast.get_docstring(node))
                assert len(hint) > 20, f"{own}: its docstring is the hint"


parsed = functools.lru_cache(4)(ast.parse)  # one chapter's exercises


@functools.cache
def headings():
    """{"4.1": the headings of that chapter}, from all notebooks."""
    found = {}
    for path in registry.CHAPTERS.glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        lines = [line.rstrip() for cell in cells
                 if cell["cell_type"] == "markdown"
                 for line in "".join(cell["source"]).splitlines()]
        titles = [line.lstrip("# ") for line in lines if line.startswith("#")]
        if not path.stem.endswith("_exercises"):
            found[titles[0].split()[0]] = titles
    return found


@pytest.mark.parametrize("name", registry.registered())
def test_the_sections_to_reread_exist(name):
    exercise = registry.load(name)
    hints = [reports.tidy(f.__doc__) for f in exercise.wrong.values()]
    for section in [exercise.options.section, *(s for _, s in hints if s)]:
        chapter, heading = re.fullmatch('([0-9.]+), "(.+)"', section).groups()
        assert heading in headings()[chapter], section


# ---- verdicts -----------------------------------------------------------

@pytest.mark.parametrize("root, name", EXERCISES)
def test_the_stub_is_not_answered_yet(root, name, tmp_path):
    cells = lifted_cells(notebook(root, name), tmp_path)
    assert runner.check_cells(name, cells, root).verdict == reports.OPEN


@functools.cache
def file_report(root, name, mistake=None):
    """The Report on a notebook's file with the solution or a wrong answer."""
    book = answered(root, name, source_of(root, name, mistake))
    with tempfile.TemporaryDirectory() as folder:
        cells = lifted_cells(book, Path(folder))
    return runner.check_cells(name, cells, root)


@pytest.mark.parametrize("root, name", EXERCISES)
def test_the_solution_is_solved(root, name):
    report = file_report(root, name)
    assert report.verdict == reports.SOLVED, str(report)
    assert report.seconds < 5 or (      # on a machine that others use
        file_report.__wrapped__(root, name).seconds < 5)


@pytest.mark.parametrize("root, name, mistake", WRONG)
def test_a_wrong_answer_gets_its_own_hint(root, name, mistake):
    report = file_report(root, name, mistake)
    assert report.verdict == reports.WRONG, "this wrong answer passes"
    assert report.mistake == mistake, str(report)
    assert report.hint == reports.tidy(
        registry.load(name, root).wrong[mistake].__doc__)[0]


@pytest.mark.parametrize("root, name", [
    pytest.param(*case.values, id=case.id,
                 marks=[pytest.mark.long] if k % 9 else [])
    for k, case in enumerate(EXERCISES)])
def test_a_notebook_and_pytest_agree(root, name, history):
    """tg.check in a notebook and pytest on its file say the same."""
    for mistake in (None, *mistakes(root, name)):
        history(answered(root, name, source_of(root, name, mistake)))
        said = [runner.check_cells(name, lifting.history_cells(), root),
                file_report(root, name, mistake)]
        first, second = ((r.verdict, r.mistake, r.hint) for r in said)
        assert first == second, f"{said[0]}\n{said[1]}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("what", ["zeros", "noise"])
@pytest.mark.parametrize("root, name", EXERCISES)
def test_knowing_nothing_gets_no_specific_hint(root, name, what):
    exercise = registry.load(name, root)
    answer = knowing_nothing(what, exercise.solution)
    with pytest.raises(Exception) as caught:  # noqa: B017  any will do
        exercise.check(Answer(exercise, answer))
    assert "hint" not in getattr(caught.value, "fields", {})
    assert likely_mistake(exercise, answer) == ""


def knowing_nothing(what, solution):
    """An answer of the right shapes and dtypes, all zeros or noise."""
    rng = np.random.default_rng()

    def spoiled(x):
        if is_tensor(x):
            return type(x)(spoiled(x.data))
        if type(x) in (list, tuple):
            return type(x)(map(spoiled, x))
        if type(x) is dict:
            return {key: spoiled(value) for key, value in x.items()}
        numbers = plain(x)
        if numbers is None:
            return (lambda *a, **k: spoiled(x(*a, **k))) if callable(x) else x
        noise = 9. * rng.normal(size=numbers.shape) * (what == "noise")
        return noise.astype(numbers.dtype)
    return lambda *inputs, **named: spoiled(solution(*inputs, **named))


@pytest.mark.parametrize("root, name", EXERCISES)
def test_a_check_calls_the_answer_alike_each_time(root, name):
    # Hints compare results on the calls of one run: these must not vary
    exercise = registry.load(name, root)

    def outcomes():
        answer = Answer(exercise, exercise.solution)
        exercise.check(answer)
        return [attempt(exercise.solution, call, answer.names(call),
                        exercise.options.mutates) for call in answer.calls]
    first, again = outcomes(), outcomes()
    assert first and len(first) == len(again)
    assert all(a.agrees(b, True) for a, b in zip(first, again))


@pytest.fixture
def history(monkeypatch):
    """history(book): as if the notebook's cells had been run here."""
    def run(book):
        sources = [text(cell) for cell in code_cells(book)]
        shell = types.SimpleNamespace(user_ns={"In": ["", *sources]})
        monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(
            get_ipython=lambda: shell))
    return run


# ---- the notebook in a kernel, the page, the command line ---------------

@pytest.mark.long
@pytest.mark.filterwarnings("default")
def test_check_in_a_running_notebook(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    for case in EXERCISES[1:3]:
        root, name = case.values
        for source, verdict in ((source_of(root, name), "solved"), (
                source_of(root, name, mistakes(root, name)[0]), "wrong")):
            book = answered(root, name, source)
            cells = code_cells(book)
            number = [i for i, c in enumerate(cells) if text(c) == source][0]
            book["cells"] = [cells[0], *cells[number:number + 2]]
            for cell in book["cells"]:
                cell["source"] = text(cell)
            node = nbformat.from_dict(book)
            nbclient.NotebookClient(node, timeout=60).execute()
            output = node.cells[-1].outputs[0]["text"]
            assert output.startswith(f"{name}: {verdict}"), output


def test_the_page_of_solutions_is_up_to_date():
    if not registry.registered():
        pytest.skip("no chapter has exercises yet")
    path = registry.CHAPTERS / "solutions.md"
    assert path.read_text(encoding="utf-8") == appendix.page(), (
        "run `python -m tinygen.exercises solutions`")


def test_the_page_has_the_solution_and_all_mistakes():
    page = appendix.page(SAMPLE)
    assert "## A sample: rows and their spread" in page
    assert page.count("{dropdown}") == 2
    assert "def _centred(x):" in page and "import" not in page
    for mistake in mistakes(SAMPLE, "spread"):
        hint = registry.load("spread", SAMPLE).wrong[mistake].__doc__
        assert reports.tidy(hint)[0] in page


def test_a_fresh_clone_has_nothing_wrong():
    folders = [finding.Notebooks(registry.CHAPTERS)]
    for name in registry.registered():
        report = finding.report_on(name, folders)
        assert report.verdict == reports.OPEN, str(report)
