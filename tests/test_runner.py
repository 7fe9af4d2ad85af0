"""Answers that do harm, cheat or surprise: each gets a report, none passes.

They run against the sample exercise, or one written for the test.
"""
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinygen.exercises import finding, registry, reports, runner, workers
from tinygen.exercises.__main__ import copy, main
from tinygen.exercises.lifting import Cell

SAMPLE = Path(__file__).parent / "exercises" / "sample"
RIGHT = """
def spread(x):
    return np.sqrt(np.mean((x - x.mean(1, keepdims=True)) ** 2, 1))
"""
NOT_ROOTED = RIGHT.replace("np.sqrt", "")


def check(*sources, name="spread", root=SAMPLE, limit=10.):
    return runner.check_cells(
        name, [Cell(f"code cell {i}", source)
               for i, source in enumerate(sources, 1)], root, limit)


def wrong(*sources, **options):
    report = check(*sources, **options)
    assert report.verdict == reports.WRONG, str(report)
    return str(report)


def flat(text):
    """Without the line breaks of a report."""
    return " ".join(text.split())


def solved_afterwards():
    return check(RIGHT).verdict == reports.SOLVED


@pytest.fixture
def write(tmp_path):
    """write(check, solution, wrong): the root of a registry of its own."""
    def files(check, solution, wrong=""):
        for kind, text in (("checks", check), ("solutions", solution),
                           ("wrong", wrong)):
            (tmp_path / kind).mkdir(exist_ok=True)
            (tmp_path / kind / "ch00_test.py").write_text(
                "import numpy as np\nimport tinygen as tg\n"
                "from tinygen.exercises import exercise\n" + text)
        return tmp_path
    return files


def test_checks_assert_where_python_does_not(monkeypatch, write):
    """PYTHONOPTIMIZE, which takes every assert out, is not for checks."""
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")
    server = runner._Server()
    monkeypatch.setattr(runner, "_server", server)
    root = write("@exercise('S')\ndef one(answer):\n"
                 "    assert answer() == 1, 'it must be 1'\n",
                 "def one():\n    return 1\n")
    assert "it must be 1" in flat(wrong("def one():\n    return 2",
                                        name="one", root=root))
    server.stop()


def test_an_installed_package_has_no_notebooks(tmp_path):
    with pytest.raises(SystemExit, match="not in the installed package"):
        copy(tmp_path / "site-packages/chapters")
    with pytest.raises(SystemExit, match="no folder"):
        main(["solutions", str(tmp_path / "chapters/solutions.md")])


# ---- harm ---------------------------------------------------------------

@pytest.mark.parametrize("body, words", [
    ("while True: pass", "not done in time"),
    ("import signal; signal.setitimer(signal.ITIMER_REAL, 0)\n"
     "  while True: pass", "could not be interrupted"),
    ("while True: print('x' * 1000000)", "not done in time"),
    ("print('x' * 50000000); return x", "Your code printed"),
    ("import os; os._exit(0)", "ended the interpreter"),
    ("import os, signal; os.kill(os.getpid(), 9)", r"signal 9"),
    ("import os; os.abort()", r"signal 6"),
    ("import sys; sys.exit(0)", "ends the interpreter"),
    ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ("raise BaseException('solved')", "BaseException: solved"),
    ("return spread(x)", "RecursionError"),
    ("return np.zeros(1 << 40)", "MemoryError|memory"),
    ("import os; os.close(1); os.close(2); return x", "shape"),
])
def test_harm_is_reported(body, words):
    limit = 1. if "while True" in body else 10.
    report = wrong(f"def spread(x):\n  {body}", limit=limit)
    assert any(word in flat(report) for word in words.split("|")), report
    assert len(report) < 3000
    assert solved_afterwards()


def test_what_an_answer_starts_ends_with_it(tmp_path):
    mark = tmp_path / "mark"
    wrong(f"""
import threading, time
def late():
    time.sleep(1.5)
    open({str(mark)!r}, "w").close()
def spread(x):
    threading.Thread(target=late).start()
""")
    assert solved_afterwards()
    check("def spread(x):\n    while True: pass", limit=2.)
    assert not mark.exists()


def test_a_loop_is_located():
    report = wrong("def spread(x):\n    k = 0\n    while k < 1:\n"
                   "        k = k * 2\n    return x", limit=1.)
    assert "of code cell 1" in report and "k" in report
    assert "spread(x) with" in report  # what it was called with


# ---- cheating -----------------------------------------------------------

@pytest.mark.parametrize("source, words", [
    ("def spread(x):\n    np.allclose = lambda *a, **k: True\n"
     "    return x.mean(1)", "replaces numpy.allclose"),
    ("import numpy\nnumpy.mean = lambda *a, **k: 0.\ndef spread(x):\n"
     "    return numpy.sqrt(x)[:, 0]", "replaces numpy.mean"),
    ("def spread(x):\n    np.sqrt = np.square\n    return x", "numpy.sqrt"),
    ("import builtins as b", "No code cell"),
    ("import builtins as b\ndef spread(x):\n    b.abs = 1", "builtins"),
    ("def spread(x):\n    return np.std(x, 1)", "np.std"),
    ("def spread(x):\n    return x.std(axis=1)", "uses std"),
    ("from numpy import std as s\ndef spread(x):\n    return s(x, 1)",
     "np.std"),
    ("from numpy import *\ndef spread(x):\n    return std(x, 1)", "np."),
    ("import numpy\ndef spread(x):\n    return getattr(numpy, 'st' + 'd')"
     "(x, 1)", "Name what you need"),
    ("def spread(x):\n    return tg.exp(x)", "tg.exp"),
    ("from tinygen.engine.ops import exp\ndef spread(x):\n    return exp(x)",
     "tg.engine.ops.exp"),
    ("def spread(x):\n    return getattr(tg, 'exp')(x)", "uses tg"),
    ("import importlib\ndef spread(x):\n    return importlib", "importlib"),
    ("import sys\ndef spread(x):\n    return sys.modules['tinygen']",
     "sys.modules"),
    ("def spread(x):\n    return eval('tg').exp(x)", "eval"),
    ("def spread(x):\n    return spread.__globals__['tg']", "__globals__"),
    ("import scipy.stats\ndef spread(x):\n    return scipy.stats.x",
     "scipy"),
    ("from tinygen.exercises import registry\ndef spread(x):\n"
     "    return registry.load('spread').solution(x)", "solutions"),
    ("def spread(x):\n    return tg.check('spread')", "solutions"),
    ("import operator\ndef spread(x):\n    tg = operator.attrgetter("
     "'__glo' + 'bals__')(spread)['tg']\n    return tg.exp(x)", "tg"),
])
def test_what_may_not_be_used_is_refused_in_words(source, words):
    report = check(source)
    assert report.verdict != reports.SOLVED
    assert words in str(report), str(report)
    assert solved_afterwards()


PATH = str(SAMPLE / "solutions" / "ch00_sample.py")


@pytest.mark.parametrize("body", [
    f"return open({PATH!r}).read()",
    f"return np.load({PATH!r}, allow_pickle=True)",
    f"import pathlib; return pathlib.Path({PATH!r}).read_text()",
    f"import os; return os.open({PATH!r}, 0)",
    f"import os; os.chdir({PATH!r}[:-15]); return open('ch00_sample.py')",
    f"import os; return os.system('cp {PATH} /dev/null')",
    f"""
  try:
    open({PATH!r})
  except BaseException:
    pass
  {RIGHT.strip().splitlines()[1].strip()}"""])
def test_reading_the_solutions_is_refused(body):
    assert "The answer opens" in wrong(f"def spread(x):\n  {body}")


@pytest.mark.parametrize("value", [
    "1.", "[1., 0.]", "x", "x[:, :1] * 0 + 1", "None", "'solved'", "np.nan",
    "np.array([np.nan, np.nan])", "np.array([[1., 0.]])", "(1., 0.)",
    "np.ma.masked_array([1., 0.], [True, True])", "np.broadcast_to(1., 2)",
    "type('A', (np.ndarray,), {'__eq__': lambda *a: True, '__sub__': lambda"
    " *a: 0, '__array_ufunc__': lambda *a, **k: True})(2)",
    "type('E', (), {'__eq__': lambda *a: True, 'shape': (2,)})()",
    "np.array([1., 0.], object)", "np.array([1j, 0])"])
def test_no_other_value_passes(value):
    wrong(f"def spread(x):\n    return {value}")


def test_a_forged_report_is_not_believed():
    forged = json.dumps({"verdict": "solved"})
    wrong(f"""
import os
def spread(x):
    for fd in range(3, 20):
        try:
            os.write(fd, b'{forged}' + bytes([10]))
        except OSError:
            pass
    os._exit(0)
""")


# ---- surprises ----------------------------------------------------------

def test_a_helper_and_a_constant_from_other_cells():
    assert check("AXIS = 1", "def centred(x):\n    return x - x.mean(AXIS, "
                 "keepdims=True)", "history = train(1000)", "def spread(x):\n"
                 "    return np.sqrt((centred(x) ** 2).mean(AXIS))"
                 ).verdict == reports.SOLVED


def test_a_name_that_did_not_come_along():
    report = wrong("for axis in [1]:\n    pass", "def spread(x):\n"
                   "    return x.mean(axis)")
    assert "NameError: name 'axis'" in report and "inside a loop" in report
    assert "been run" not in report
    report = str(runner.check_cells("spread", [Cell(
        "In [1]", "def spread(x):\n    return x.mean(axis)")], SAMPLE))
    assert "other cells that have been run" in flat(report)
    report = wrong("axis = unknown + 1", "def spread(x):\n"
                   "    return x.mean(axis)")
    assert "Line 1 of code cell 1 failed: NameError" in report


def test_the_stub_below_a_finished_answer_is_pointed_out():
    source = RIGHT.replace("return", "result =")
    report = wrong(source + "    raise NotImplementedError")
    assert "`raise NotImplementedError` was reached" in report
    assert "Line 4 of code cell 1" in report
    report = wrong("import abc\ndef spread(x):\n    return int(Row())\n"
                   "class Row:\n    def __int__(self):\n"
                   "        return np.random.BitGenerator().x")
    assert "whose stub" not in report
    report = wrong("def mean(x):\n    raise NotImplementedError",
                   "def spread(x):\n    return mean(x)")
    assert "was reached in mean, whose stub" in flat(report)


def test_of_several_definitions_the_last_counts_and_the_others_are_named():
    report = check(NOT_ROOTED, RIGHT)
    assert report.verdict == reports.SOLVED
    assert "code cell 1 and code cell 2; the last one" in str(report)
    assert check(RIGHT, "def spread(x):\n    raise NotImplementedError"
                 ).verdict == reports.OPEN


def test_a_syntax_error_is_reported_where_it_matters():
    report = wrong("x = 1", "def spread(x):\n    return (x")
    assert "Code cell 2 is not Python" in report and "Line 2" in report
    assert check("oh no", RIGHT).verdict == reports.SOLVED


def test_an_answer_in_a_text_cell():
    report = runner.check_cells("spread", [Cell("a text cell", RIGHT, False)],
                                SAMPLE)
    assert report.verdict == reports.OPEN and "type to Code" in str(report)


def test_an_argument_that_is_written_to():
    report = wrong("def spread(x):\n    x -= x.mean(1, keepdims=True)\n"
                   "    return np.sqrt((x ** 2).mean(1))")
    assert "writes to its argument x" in report


def test_a_list_that_is_changed(write):
    root = write("@exercise('Here')\ndef last(answer):\n"
                 "    answer.on([1, 2]).gives(2)\n",
                 "def last(x):\n    return x[-1]\n")
    report = wrong("def last(x):\n    return x.pop()", name="last", root=root)
    assert "writes to its argument x" in report


def test_views_and_in_place_results_do_no_harm():
    assert check("out = np.zeros(8)\n" + RIGHT.replace(
        "return ", "out[:len(x)] = ") + "    return out[:len(x)]"
        ).verdict == reports.SOLVED


def test_wrong_arguments_and_missing_return():
    assert "positional argument" in wrong("def spread():\n    return 1")
    assert "is there a `return`" in wrong("def spread(x):\n    x.mean()")
    assert "is not a function" in wrong("spread = 3")


def test_an_unknown_name_has_a_near_one():
    with pytest.raises(ValueError, match="Did you mean 'spread'"):
        check(RIGHT, name="spraed")


def test_a_report_says_it_all():
    report = wrong("def spread(x):\n    print('here', len(x))\n"
                   + NOT_ROOTED.split("\n", 2)[2])
    for words in ("spread: wrong", "called    spread(x) with", "expected  [",
                  "got       [", "3 of 3 numbers differ, first at [0]:",
                  "The likely mistake: This is the mean of the",
                  "To reread: The sample's section on spread", "here 3"):
        assert words in report, report
    assert max(map(len, report.splitlines())) < 80


def test_without_fork_the_verdicts_are_the_same(monkeypatch):
    monkeypatch.setattr(workers, "HAS_FORK", False)
    assert check(RIGHT).verdict == reports.SOLVED
    assert check(NOT_ROOTED).mistake == "not_rooted"
    assert "ended the interpreter" in wrong(
        "import os\ndef spread(x):\n    os._exit(0)")


@pytest.mark.parametrize("before, call", [
    ("import numpy.linalg as la", "la.norm(x, axis=1) / math.sqrt(len(x[0]))"),
    ("from numpy import sqrt as root, mean", "root(mean(x ** 2, 1))"),
    ("from __future__ import annotations\nimport numpy",
     "numpy.sqrt((x ** 2).mean(1))"),
    ("import tinygen as tg\nimport tinygen.sprites",
     "np.array([math.sqrt(sum(v * v for v in row) / len(row)) for row in x])"),
    ("class Norm:\n    def __init__(self, x):\n        super().__init__()\n"
     "        self.value = np.linalg.norm(x, axis=1)\n    def scaled(self, n:"
     " int) -> np.ndarray:\n        return self.value / n ** 0.5",
     "Norm(x).scaled(x.shape[1])"),
    ("from functools import partial, reduce\nimport operator",
     "np.sqrt(reduce(operator.add, x.T ** 2) / x.shape[1])"),
    ("from numpy import *", "sqrt(mean(x ** 2, 1))")])
def test_honest_code_is_not_refused(before, call):
    report = check(f"import math\n{before}\ndef spread(x: 'rows') -> None:\n"
                   f"    x = x - x.mean(1, keepdims=True)\n    return {call}")
    if before.endswith("*"):  # np.std might be among all these
        assert "Name what you need" in str(report)
    else:
        assert report.verdict == reports.SOLVED, str(report)


def test_an_interruption_starts_afresh(monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt
    with monkeypatch.context() as patch:
        patch.setattr(runner.select, "select", interrupt)
        with pytest.raises(KeyboardInterrupt):
            check("def spread(x):\n    while True: pass")
    assert solved_afterwards()


# ---- what a check can say -----------------------------------------------

def test_options_of_a_check(write):
    root = write("""
@exercise("Here", may_use=("tg.exp", "tg.Tensor"), mutates=True)
def f(answer):
    answer.on(np.array([1., 2.]), by=2.).gives((None, [2., 4.], 2.))
    answer.on([1.], by=2.).raises(TypeError, "a list")

@exercise("Here", dtype=True)
def g(answer):
    answer.on(np.ones(2, np.float32)).then(lambda h: h(3)).gives()

@exercise("Here", may_use=("tg.exp", "tg.Tensor"))
def h(answer):
    x = tg.Tensor(np.array([1., 2.]))
    y = answer(x)
    assert y is not None, "Nothing came back."
    if not np.allclose(tg.grad(y.sum(), [x])[0].data, y.data):
        raise answer.mistake("m")
    answer.on(x).gives()

@exercise("Here")
def k(answer):
    answer.on(1.).raises(ValueError)
""", """
def f(x, by):
    x *= by
    if isinstance(x, list):
        raise TypeError
def g(x):
    return lambda n: x * n
def h(x):
    return tg.exp(x)
def k(x):
    raise ValueError
""", """
def h__m(x):
    '''The hint of m.

    Section: There'''
    return tg.Tensor(np.exp(x.data))
""")

    def f(source):
        name = source.partition("def ")[2][0]
        return flat(str(check(source, name=name, root=root)))
    assert "solved" in f("def f(x, by):\n    x *= by")
    said = f("def f(x, by):\n    x *= 1 if type(x) is list else by")
    assert "expected a TypeError" in said
    assert "In item 1" in f("def f(x, by):\n    x += by")
    assert "solved" in f("def g(x):\n    return lambda n: n * x")
    assert "dtype must be float32" in f("def g(x):\n    return lambda n: "
                                        "x.astype(float) * n")
    assert "solved" in f("def h(x):\n    return tg.exp(x)")
    assert "solved" in f("import tinygen\n"
                         "def h(x):\n    return tinygen.exp(x)")
    said = f("def h(x):\n    return tg.exp(tg.Tensor(x.data))")
    assert "does not depend" in said
    said = f("def h(x):\n    return tg.exp(x * 2)")
    assert "The hint of m." in said and "reread: There" in said
    assert "uses tg.log" in f("def h(x):\n    return tg.log(x)")
    said = f("def k(x):\n    return ValueError(x)")
    assert "expected a ValueError" in said and "write `raise`" in said
    assert "No exception came." in f("def k(x):\n    return x")


def test_a_capstone_takes_what_is_solved_and_says_so(write):
    root = write("""
@exercise("Here")
def double(answer):
    answer.on(2.).gives(4.)

@exercise("Here", but_not=("math.pow",))
def square(answer):
    answer.on(3.).gives(9.)

@exercise("Here", takes=("double", "square"))
def both(answer):
    answer.on(3.).gives(12., "6 + 9 = 15, and 15 / 1.25")
    answer.on(5.).gives()
""", """
def double(x):
    return 2 * x
def square(x):
    return x * x
def both(x):
    return (double(x) + square(x)) / 1.25
""", """
def both__sum(x):
    '''The sum is not yet divided by 1.25.'''
    return double(x) + square(x)
""")

    def both(*cells):
        return check(*cells, name="both", root=root)
    stubs = [f"def {n}(x):\n    raise NotImplementedError"
             for n in ("double", "square")]
    answer = "def both(x):\n    return (double(x) + square(x)) / 1.25"
    report = both(*stubs, answer)
    assert report.verdict == reports.SOLVED, str(report)
    assert report.notes == ["Built on the book's double, square."]
    report = both("two = 2\ndef double(x):\n    return two * x",
                  "import math\ndef square(x):\n    return math.pow(x, 2)",
                  answer)
    assert report.verdict == reports.SOLVED, str(report)
    assert report.notes == ["Built on your double and on the book's square."]
    report = both(*stubs, "def twice(x):\n    return double(x)",
                  "def both(x):\n    return (twice(x) + x * x) / 1.25")
    assert report.verdict == reports.SOLVED, str(report)
    assert report.notes == ["Built on the book's double."]
    report = both(*stubs, "def both(x):\n    return x * (x + 2) / 1.25")
    assert report.verdict == reports.SOLVED and not report.notes
    report = both(*stubs, answer.replace(" / 1.25", ""))
    assert report.hint == "The sum is not yet divided by 1.25."


def test_two_exercises_of_one_name_are_refused(write):
    root = write("def f(answer): pass", "")
    (root / "checks" / "ch01_other.py").write_text("def f(answer): pass")
    with pytest.raises(ValueError, match="00_test and in 01_other"):
        registry.registered(root)


def test_a_broken_check_is_not_the_readers_fault(write):
    root = write("1 / 0\ndef f(answer): pass", "")
    assert "not your fault" in "".join(wrong(
        "def f():\n    return 1", name="f", root=root).replace("\n ", ""))


# ---- finding answers, and pytest ----------------------------------------

def book(*sources):
    return json.dumps({"cells": [{"cell_type": "code", "source": s}
                                 for s in sources]})


def found(folder):
    return finding.report_on("spread", [finding.Notebooks(folder)], SAMPLE)


def test_answers_survive_renaming_and_copies(tmp_path):
    assert found(tmp_path).verdict == reports.OPEN
    (tmp_path / "stub.ipynb").write_text(book("def spread(x):\n    pass"))
    (tmp_path / "my own.ipynb").write_text(book("x = 1", RIGHT))
    (tmp_path / "broken.ipynb").write_text("{")
    report = found(tmp_path)
    assert report.verdict == reports.SOLVED
    assert report.file.endswith("my own.ipynb")
    assert "also in stub.ipynb" in str(report)


def test_a_broken_notebook_is_reported_for_its_exercises(tmp_path):
    (tmp_path / "renamed.ipynb").write_text(book(RIGHT)[:-20])
    report = found(tmp_path)
    assert report.verdict == reports.WRONG and "not JSON" in str(report)
    (tmp_path / "renamed.ipynb").write_text("")
    assert found(tmp_path).verdict == reports.OPEN
    (tmp_path / "00_sample_exercises.ipynb").write_text("")
    assert found(tmp_path).verdict == reports.WRONG


def test_copy_never_overwrites(tmp_path, capsys):
    chapters = tmp_path / "chapters"
    chapters.mkdir()
    copy(chapters)
    assert "no exercises" in capsys.readouterr().out
    (chapters / "01_exercises.ipynb").write_text("new [a](01.ipynb#b)")
    copy(chapters)
    mine = tmp_path / "answers" / "01_exercises.ipynb"
    assert mine.read_text() == "new [a](../chapters/01.ipynb#b)"
    assert "copied" in capsys.readouterr().out
    mine.write_text("mine")
    copy(chapters)
    assert mine.read_text() == "mine" and "kept" in capsys.readouterr().out


def test_pytest_reports_each_answer(tmp_path):
    """One solved, one wrong, one open; then the table and the CSV."""
    names = list(registry.registered())[:3]
    if len(names) < 3:
        pytest.skip("no chapter has exercises yet")
    solution = registry.load(names[0]).solution_source
    answers = tmp_path / "answers"
    answers.mkdir()
    (answers / "a.ipynb").write_text(book(
        solution.replace(f"def {names[1]}(", "def other(").replace(
            f"def {names[2]}(", "def another("),
        f"def {names[1]}(*a, **k):\n    import os; os._exit(0)",
        f"def {names[2]}():\n    raise NotImplementedError"))
    (answers / "b.ipynb").write_text("not JSON")
    table = tmp_path / "table.csv"
    tests = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-m", "pytest", str(tests / "exercises"), "-q", "-p",
         "no:cacheprovider", "--answers", str(answers), "--csv", str(table),
         "-k", " or ".join(f"[{name}]" for name in names)],
        capture_output=True, text=True, cwd=tests.parent, timeout=120,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{names[1]}: wrong" in done.stdout
    assert "b.ipynb is not a notebook" in done.stdout
    assert done.stdout.index("FAILED") < done.stdout.index("solved  wrong")
    assert "solved  wrong  open" in done.stdout
    with table.open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [r["verdict"] for r in rows] == [reports.SOLVED, reports.WRONG,
                                            reports.OPEN]


def test_the_table_counts_by_chapter():
    done = [reports.Report("a", "01_one", reports.SOLVED),
            reports.Report("b", "01_one", reports.WRONG),
            reports.Report("c", "02_two")]
    assert reports.table(done).splitlines() == [
        "chapter  solved  wrong  open",
        "01_one        1      1     0",
        "02_two        0      0     1",
        "all           1      1     1"]
