"""Lifting: what is taken from a notebook, however it was edited."""
import json
import os
import time

import pytest

from tinygen.exercises.lifting import (
    Cell,
    Lifted,
    Unreadable,
    notebook_cells,
    parse,
)


def lifted(*sources):
    return Lifted([Cell(f"code cell {i}", source)
                   for i, source in enumerate(sources, 1)])


def run(name, *sources):
    """The value of `name` after running only what it needs."""
    space = {}
    for _, source, wanted in lifted(*sources).pieces(name):
        lines = parse(source)[1].body
        for i in wanted:
            module = parse("")[1]
            module.body = [lines[i]]
            exec(compile(module, "cell", "exec"), space)
    return space[name]


def test_helpers_and_constants_come_along_from_anywhere():
    f = run("f", "K = 3", "def f(x):\n    return K * g(x)",
            "import math as m\ndef g(x):\n    return m.floor(x) + C.one",
            "class C:\n    one = 1")
    assert f(2.5) == 9


def test_what_the_answer_does_not_need_is_not_run():
    pieces = lifted("history = train()", "x: int = 1", "print(x)",
                    "def f(a):\n    history = a\n    return history + x",
                    "for i in range(3):\n    x = i").pieces("f")
    assert pieces == [("code cell 2", "x: int = 1", [0]),
                      ("code cell 4", pieces[1][1], [0])]


def test_attributes_and_items_of_kept_names_are_set():
    f = run("f", "def f():\n    return f.rules, T['a']\nT = {}",
            "f.rules = (1, 2)\nT['a'] = 5\nother.rules = 3")
    assert f() == ((1, 2), 5)


def test_only_the_last_definition_counts():
    sources = ("import scipy\ndef f():\n    return scipy", "def f():\n    "
               "return 1", "def g():\n    return f()")
    assert run("f", *sources)() == 1
    assert run("g", *sources)() == 1
    assert [s.cell for s in lifted(*sources).makers("f")] == [0, 1]
    assert len(lifted(*sources).pieces("f")) == 1  # scipy is not needed


def test_a_constant_may_be_built_in_steps():
    assert run("b", "a = 1", "a += 2", "b = a * 2") == 6


def test_names_may_be_bound_in_other_ways():
    assert run("f", "f = lambda x: x + k", "k, _ = 2, 3")(1) == 3
    assert run("f", "from math import *", "def f():\n    return floor(2.5)")(
        ) == 2


@pytest.mark.parametrize("line", [
    "%matplotlib inline", "!pip install x", "files = !ls", "t = %timeit f()",
    "f?", "?f", "f??", "%%time", "%%capture out", "%cd '~'"])
def test_magics_and_shell_lines_are_passed_over(line):
    assert run("f", f"{line}\ndef f():\n    return 2")() == 2
    if not line.startswith("%%"):
        source = f"def f():\n    if True:\n        {line}\n    return 2"
        assert run("f", source)() == 2


def test_cells_in_other_languages_are_passed_over():
    found = lifted("%%bash\ndef f(): pass", "def f():\n    return 1")
    assert len(found.makers("f")) == 1 and not found.broken


def test_percent_signs_in_python_stay():
    source = 'd = """\n%s\n!"""\ne = (d\n% 3)'
    assert parse(source)[0] == source


def test_a_syntax_error_elsewhere_leaves_the_rest():
    found = lifted("def broken(:", "def f():\n    return 1", "x = '\0'")
    assert len(found.makers("f")) == 1
    assert [cell.label for cell, _ in found.broken] == ["code cell 1",
                                                        "code cell 3"]


@pytest.mark.parametrize("body", [
    "raise NotImplementedError", "raise NotImplementedError('later')",
    "'''doc'''\n    raise NotImplementedError", "'''doc'''", "pass", "..."])
def test_stubs_are_recognised(body):
    found = lifted(f"def f(x):\n    {body}")
    assert found.is_stub(found.makers("f")[-1])


@pytest.mark.parametrize("body", [
    "return None", "y = x\n    raise NotImplementedError", "raise ValueError",
    "if x: raise NotImplementedError"])
def test_answers_are_not_taken_for_stubs(body):
    found = lifted(f"def f(x):\n    {body}")
    assert not found.is_stub(found.makers("f")[-1])


# ---- files --------------------------------------------------------------

CELLS = [{"cell_type": "markdown", "source": ["# é\n", "text"]},
         {"cell_type": "code", "source": "a = 'é'"},
         {"cell_type": "code", "source": ["b = 2\n", "c = 3"]}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_notebooks_in_any_encoding(tmp_path, encoding):
    path = tmp_path / "n.ipynb"
    book = json.dumps({"cells": CELLS}, ensure_ascii=False)
    path.write_bytes(book.encode(encoding))
    assert notebook_cells(path)[1:] == [Cell("code cell 1", "a = 'é'"),
                                        Cell("code cell 2", "b = 2\nc = 3")]


def test_a_file_in_another_encoding_is_read_as_far_as_it_goes(tmp_path):
    path = tmp_path / "n.ipynb"
    book = json.dumps({"cells": CELLS}, ensure_ascii=False)
    path.write_bytes(book.encode("latin-1"))
    assert notebook_cells(path)[2].source == "b = 2\nc = 3"


@pytest.mark.parametrize("content, words", [
    ('{"cells": [', "not JSON"), ("", "not JSON"), ("[]", "no list of cells"),
    ('{"cells": 3}', "no list of cells"), ("{}", "no list of cells"),
    ('{"cells": [{"cell_type": "code"}]}', "no list of cells")])
def test_what_is_no_notebook_is_named(tmp_path, content, words):
    path = tmp_path / "n.ipynb"
    path.write_text(content)
    with pytest.raises(Unreadable, match=f"n.ipynb.*{words}"):
        notebook_cells(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(Unreadable, match="cannot be read"):
        notebook_cells(tmp_path / "n.ipynb")


def test_a_script_is_one_cell(tmp_path):
    path = tmp_path / "answers.py"
    path.write_text("def f():\n    return 1\n")
    assert len(Lifted(notebook_cells(path)).makers("f")) == 1


# ---- notebooks from strangers ----------------------------------------------


def saved(path, *sources):
    path.write_text(json.dumps({"cells": [
        {"cell_type": "code", "source": source} for source in sources]}))
    return path


@pytest.mark.parametrize("source", [
    "x = -" + "-" * 5000 + "1", "x = a" + ".a" * 3000,
    "x = 0x" + "f" * 5000, "x = " + "[" * 5000, "x = '\ud800'",
    "x = '\0'"])
def test_code_that_python_refuses_is_a_broken_cell(source, tmp_path):
    """Python writes 20,000 bits as hex, and cannot print them as a number."""
    path = saved(tmp_path / "n.ipynb", source, "def f():\n    return 1")
    made = Lifted(notebook_cells(path))
    assert len(made.broken) == 1 and len(made.makers("f")) == 1


@pytest.mark.parametrize("source", [
    "\n" * 250_000 + "x", "(" + " " * 250_000 + "x ? y", "f\n" * 100_000,
    "f = a0\n" + "".join(f"a{i} = a{i + 1}\n" for i in range(5000)),
    "!ls\n" * 60_000])
def test_nothing_takes_time_that_grows_with_the_square(source, tmp_path):
    path = saved(tmp_path / "n.ipynb", source)
    began = time.process_time()
    made = Lifted(notebook_cells(path))
    made.mentions("f")
    made.pieces("f")
    assert time.process_time() - began < 5      # most take 0.1 s


HUGE = {
    "1 GB": (lambda file: file.truncate(10**9), "more than 128 MB", 200),
    "10,000,001 values": (lambda file: file.write(
        b'{"cells": [' + b"0," * (10**7 + 1) + b"0]}"), "too many values",
        60),
    "10,000,000 levels": (lambda file: file.write(b"[" * 10**7),
                          "is JSON, but not a notebook", 60),
    "10,000,000 objects": (lambda file: file.write(
        b'{"cells": [' + b"{}," * (10**7 - 1) + b"{}]}"),
        "no list of cells", 1100),
    "20,000 cells": (lambda file: file.write(json.dumps({"cells": [
        {"cell_type": "code", "source": "x"}] * 20_000}).encode()),
        "in 20,000 cells", 60),
    "a million letters of code": (lambda file: file.write(json.dumps({
        "cells": [{"cell_type": "code", "source": "x" * 10**6}]}).encode()),
        "1,000,000 characters of code", 60),
}


@pytest.mark.parametrize("kind", [
    pytest.param(kind, marks=pytest.mark.long)
    if kind == "10,000,000 objects" else kind for kind in HUGE])
def test_a_notebook_that_would_fill_the_memory(kind, tmp_path, measured):
    write, words, most = HUGE[kind]
    path = tmp_path / "n.ipynb"
    with open(path, "wb") as file:
        write(file)
    said, megabytes = measured(
        "from tinygen.exercises import lifting",
        "lifting.notebook_cells(sys.argv[1])", path)
    assert said.startswith(f"Unreadable {path}") and words in said
    assert megabytes < most


def test_100_mb_of_outputs_are_passed_over(tmp_path):
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps({"cells": [{
        "cell_type": "code", "source": "def f(): pass",
        "outputs": [{"text": "1 2 " * (10**8 // 4)}]}]}))
    assert notebook_cells(path)[0].source == "def f(): pass"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "n.ipynb")
    with pytest.raises(Unreadable, match="n.ipynb is not a notebook"):
        notebook_cells(tmp_path / "n.ipynb")
