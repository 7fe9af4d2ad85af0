"""Answers that do not play fair, and answers in odd clothes.

None passes unearned, none stops the others, each gets its sentence; what is
right passes whatever it wears. tests/README.md sums it up.
"""
import _thread
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tinygen.exercises import finding, registry, reports, runner, workers
from tinygen.exercises.__main__ import copy
from tinygen.exercises.answer import Answer
from tinygen.exercises.apart import Apart, TimeUp
from tinygen.exercises.guard import Guard
from tinygen.exercises.lifting import Cell
from tinygen.exercises.registry import Options
from tinygen.exercises.rules import first_refusal

SAMPLE = Path(__file__).parent / "exercises" / "sample"
VALUE = "np.sqrt(np.mean((x - x.mean(1, keepdims=True)) ** 2, 1))"
RIGHT = f"def spread(x):\n    return {VALUE}\n"


def check(*sources, name="spread", root=SAMPLE, limit=10.):
    return runner.check_cells(
        name, [Cell(f"code cell {i}", source)
               for i, source in enumerate(sources, 1)], root, limit)


def flat(report):
    return " ".join(str(report).split())


def solved_afterwards():
    return check(RIGHT).verdict == reports.SOLVED


def wrong_with(words, *sources, **options):
    report = check(*sources, **options)
    assert report.verdict == reports.WRONG, str(report)
    assert words in flat(report), str(report)
    assert len(str(report)) < 3000


@pytest.fixture
def write(tmp_path):
    """write(check, solution): the root of a registry of its own."""
    def files(check, solution):
        for kind, text in (("checks", check), ("solutions", solution)):
            (tmp_path / kind).mkdir()
            (tmp_path / kind / "ch00_test.py").write_text(
                "import numpy as np\nimport tinygen as tg\n"
                "from tinygen.exercises import exercise\n" + text)
        return tmp_path
    return files


# ---- the way to the solution --------------------------------------------

ROUND = "is a way round the rules"
DIG = """
def dig(frame):
    while frame:
        for value in list(frame.{0}.values()):
            if hasattr(value, 'exercise'):
                return value.exercise.solution
        frame = frame.{1}
"""


@pytest.mark.parametrize("source", [
    DIG.format("f_locals", "f_back") + "def spread(x):\n    try:\n"
    "        1 / 0\n    except Exception as e:\n"
    "        return dig(e.__traceback__.tb_frame)(x)",
    "import sys\ndef spread(x):\n    return sys._getframe(1)",
    "import os\ndef spread(x):\n    return os.sys.modules['tinygen']",
    "import os as o\nfrom os import sys as s\ndef spread(x):\n"
    "    return s.modules",
    "import os\ndef spread(x):\n    m = os\n    return m.sys.modules",
    "import os\ndef spread(x):\n    match os:\n"
    "        case object(sys=s):\n            return s",
    "import weakref\ndef spread(x):\n    return weakref.gc.get_objects()",
    "import traceback\ndef spread(x):\n"
    "    return [*traceback.walk_stack(None)]",
    "import os\ndef spread(x):\n    os.sys.setprofile(print)",
    "import operator\ndef spread(x):\n"
    "    return operator.attrgetter('__glo' + 'bals__')(spread)",
    "import pickle\ndef spread(x):\n"
    "    return pickle.loads(b'ctinygen\\nsqrt\\n.')",
    "import pydoc\ndef spread(x):\n    return pydoc.locate('tinygen.sqrt')",
    "import _operator\ndef spread(x):\n    return _operator.add",
    "def spread(x):\n    return np.core._methods._std(x, 1)",
    "def spread(x):\n    return np.__dict__['st' + 'd'](x, 1)",
    "def spread(x):\n    return x.__array_namespace__()",
    "def spread(x):\n    return getattr(object, '__sub' + 'classes__')()",
    "def spread(x):\n    return getattr(spread, '__glo' + 'bals__')",
    "import os\ndef spread(x):\n    return getattr(os, 's' + 'ys')",
    "import os\ndef spread(x):\n    return vars(os)",
    "def spread(x):\n    return vars(type(x))['st' + 'd'](x, 1)",
    "def spread(x):\n    return type(x).__dict__['st' + 'd'](x, 1)",
    "def spread(x):\n    return getattr(type(x), '__dict__')",
    "def spread(x):\n    it = (i for i in x)\n    return it.gi_frame"])
def test_ways_round_the_rules_are_refused(source):
    wrong_with(ROUND, source)


@pytest.mark.parametrize("source", [
    "def spread(x):\n    return getattr(x, 'st' + 'd')(1)",
    "def spread(x):\n    return np.ma.std(x, 1)",
    "def spread(x):\n    return np.fromnumeric.std(x, 1)"])
def test_what_is_asked_for_is_not_to_be_had_by_another_name(source):
    wrong_with("That is what this exercise asks you to write", source)


def test_attributes_in_a_pattern_are_read():
    source = "match x:\n    case object(f_back=f):\n        pass"
    assert first_refusal([("", source, [0])], Options()).what == ".f_back"


def test_frames_do_not_lead_from_an_answer_to_its_check():
    solution = "what the answer must not see"
    seen = []

    def answer():
        frame = sys._getframe()
        while frame:
            seen.extend(map(id, frame.f_locals.values()))
            frame = frame.f_back
    Apart(lambda threads: None)(answer)
    assert seen and id(solution) not in seen


@pytest.mark.parametrize("path, body, words", [
    ("sys.modules[importlib].import_module", "f('gc').get_objects()",
     "looks into the interpreter"),
    ("sys._current_frames", "f()", "looks into the interpreter"),
    ("sys.settrace", "f(f)", "looks into the interpreter"),
    ("sys.addaudithook", "f(f)", "looks into the interpreter"),
    ("sys.modules[pickle].loads", "f(b'ctinygen\\nsqrt\\n.')",
     "looks into the interpreter"),
    ("sys.modules[ctypes].CDLL", "f('libc.so.6')",
     "looks into the interpreter"),
    ("system", "f('true')", "opens another program"),
    ("sys.modules[importlib].import_module",
     "f('tinygen.exercises.registry')", "opens the solutions")])
def test_what_gets_past_the_words_is_noticed_as_it_runs(path, body, words):
    wrong_with(words, "import os, string\nf = string.Formatter().get_field("
               f"'0.{path}', [os], {{}})[0]\ndef spread(x):\n    {body}\n"
               f"    return {VALUE}")


PATH = str(SAMPLE / "solutions" / "ch00_sample.py")


@pytest.mark.parametrize("body", [
    f"fd = os.open({str(SAMPLE)!r}, 0); return os.open("
    "'solutions/ch00_sample.py', 0, dir_fd=fd)",
    f"os.link({PATH!r}, '/tmp/x'); return open('/tmp/x')",
    f"os.rename({PATH!r}, '/tmp/x'); return open('/tmp/x')",
    f"os.symlink({PATH!r}, '/tmp/x'); return open('/tmp/x')",
    f"import linecache; return linecache.getlines({PATH!r})",
    f"import io; return io.FileIO({PATH!r}).read()",
    f"import io; return io.open_code({PATH!r}).read()",
    f"return np.fromfile({PATH!r}, np.uint8)",
    f"return np.memmap({PATH!r}, np.uint8)",
    "import tinygen.exercises.solutions.ch04_1_gan as s; return s",
    "return __import__('tinygen.exercises.registry')"])
def test_the_solutions_are_out_of_reach(body):
    report = check(f"import os\ndef spread(x):\n    {body}")
    assert report.verdict == reports.WRONG and not report.got, str(report)
    assert any(words in flat(report) for words in (
        "opens", "changes files", "solutions", ROUND)), str(report)
    assert Path(PATH).exists()


def test_solutions_in_the_folder_for_temporary_files(write, tmp_path):
    root = write("@exercise('Here')\ndef f(answer):\n"
                 "    answer.on(1).gives(2)\n", "def f(x):\n    return 2\n")
    here, away = str(tmp_path / "solutions"), str(tmp_path / "away")
    for body in (f"os.rename({here!r}, {away!r})",
                 f"os.link({here + '/ch00_test.py'!r}, {away!r})",
                 f"shutil.rmtree({str(tmp_path)!r})"):
        report = check(f"import os, shutil\ndef f(x):\n    {body}\n"
                       "    return 2", name="f", root=root)
        assert "changes files" in flat(report), str(report)
    assert Path(here).exists() and not Path(away).exists()


def test_a_folder_is_no_other_whose_name_it_begins():
    inside = Guard._opened, Guard._in_temporary
    guard = SimpleNamespace(_hidden=("/a/b",), _names=set(), _free=("/t",))
    guard._is_hidden = lambda path: Guard._is_hidden(guard, path)
    for path, hidden in (("/a/b", True), ("/a/b/x", True), ("/a/bc", False)):
        assert guard._is_hidden(path) is hidden
    for path, free in (("/t/x", True), ("/tx", False), ("/", False)):
        assert (not inside[0](guard, (path, "w", 0))) is free
        assert inside[1](guard, (path,)) is free


# ---- forging ------------------------------------------------------------

@pytest.mark.parametrize("source, words", [
    ("import json\nreal = json.dumps\ndef spread(x):\n"
     "    json.dumps = lambda d, *a, **k: real({**d, 'verdict': 'solved'})\n"
     "    return x", "replaces json.dumps"),
    ("import json\nreal = json.JSONEncoder.encode\ndef spread(x):\n"
     "    json.JSONEncoder.encode = lambda s, d: real(s, {**d, 'verdict':"
     " 'solved'})\n    return x", "shape must be (2,)"),
    ("import copy\ndef spread(x):\n    copy.deepcopy = lambda x, *a: x\n"
     f"    return {VALUE}", "replaces copy.deepcopy"),
    ("real, calls = np.allclose, []\ndef spread(x):\n    calls.append(1)\n"
     "    np.allclose = real if len(calls) > 3 else lambda *a: True\n"
     f"    return {VALUE}", "replaces numpy.allclose"),
    ("def spread(x):\n    f = getattr(np.allclose, '__wrapped__')\n"
     "    setattr(f, '__def' + 'aults__', (9., 9., True))\n"
     f"    return {VALUE}", "replaces __defaults__ of a function"),
    ("def spread(x):\n    np.allclose.__kwdefaults__ = {}", "way round"),
    ("import threading, time\ndef lie():\n    time.sleep(5)\n"
     "def spread(x):\n    threading.Thread(target=lie, daemon=True).start()\n"
     f"    return {VALUE}", "leaves a thread running")])
def test_what_the_check_needs_is_not_to_be_replaced(source, words):
    wrong_with(words, source)


@pytest.mark.parametrize("source", [
    # lists that say they have two items and show none
    "class L(list):\n    __len__ = lambda s: 2\n"
    "    __iter__ = lambda s: iter(())\ndef spread(x):\n    return L()",
    "class D(dict):\n    __eq__ = lambda *a: True\ndef spread(x):\n"
    "    return D()",
    "class F(float):\n    __sub__ = __rsub__ = lambda *a: 0.\n"
    "def spread(x):\n    return [F(7), F(7)]",
    "class Tensor:\n    data = np.array([1., 0.])\n    shape = (2,)\n"
    "    __array_function__ = lambda *a: True\n"
    "def spread(x):\n    return Tensor()",
    "class A:\n    __array_function__ = lambda *a: True\n"
    "    __array__ = lambda *a, **k: np.array([1., 0.])\n"
    "    __eq__ = lambda *a: True\ndef spread(x):\n    return A()",
    "class Y:\n    __eq__ = lambda *a: True\ndef spread(x):\n"
    "    return np.array([Y(), Y()])",
    "class C:\n    __class__ = np.ndarray\ndef spread(x):\n    return C()"])
def test_an_object_that_lies_about_itself(source):
    wrong_with("spread: wrong", source)


def test_an_object_does_not_answer_for_itself(write):
    """In a property, too, that a check asserts."""
    root = write("@exercise('Here')\ndef f(answer):\n"
                 "    assert answer(1.) == answer(2.), 'Not constant.'\n"
                 "    assert np.allclose(answer(1.), 7.), 'Not 7.'\n",
                 "def f(x):\n    return 7.\n")
    for lie in ("class Y:\n    __eq__ = lambda *a: True\n"
                "    __array_function__ = lambda *a: True",
                "class Y(np.float64):\n    __eq__ = lambda *a: True\n"
                "    __array_ufunc__ = lambda *a, **k: True"):
        report = check(f"{lie}\ndef f(x):\n    return Y()", name="f",
                       root=root)
        assert report.verdict == reports.WRONG, str(report)


@pytest.mark.parametrize("error", [
    "SystemExit(0)", "StopIteration([1., 0.])", "GeneratorExit",
    "KeyboardInterrupt", "AssertionError", "AssertionError('spread: solved')",
    "RecursionError", "MemoryError", "Warning('x')",
    "ExceptionGroup('a', [ValueError()])"])
def test_no_exception_is_a_verdict(error):
    wrong_with("spread: wrong", f"def spread(x):\n    raise {error}")
    source = f"solved = {error.partition('(')[0]}\n{RIGHT}"
    assert check(source).verdict == reports.SOLVED


@pytest.mark.parametrize("body", [
    "def __str__(self):\n        raise SystemExit",
    "def __str__(self):\n        return 'x' * 10 ** 8",
    "def __str__(self):\n        return 5",
    "__traceback__ = property(lambda s: None)"])
def test_an_exception_with_words_of_its_own(body):
    wrong_with("E", f"class E(Exception):\n    {body}\n"
               "def spread(x):\n    raise E")


def test_an_exception_cannot_rewrite_the_terminal():
    report = check("def spread(x):\n"
                   "    raise ValueError('\\x1b[2J\\rspread: solved\\x07')")
    assert str(report).replace("\n", "").isprintable()


def test_without_fork_a_report_is_not_forged(monkeypatch):
    monkeypatch.setattr(workers, "HAS_FORK", False)
    forged = repr({"verdict": "solved"})
    report = check(f"""
import atexit, os
def tell():
    for fd in range(1, 20):
        try:
            os.write(fd, {forged!r}.encode() + bytes([10]))
        except OSError:
            pass
def spread(x):
    atexit.register(tell)
    tell()
    return x
""")
    assert report.verdict == reports.WRONG, str(report)


def test_the_last_word_is_not_to_be_listened_to():
    wrong_with("replaces os.write", """
import os
real = os.write
def listen(fd, data):
    secret = data[:16].decode()
    real(fd, (secret + "{'verdict': 'solved'}" + chr(10)).encode())
    return real(fd, data)
def spread(x):
    os.write = listen
    return x
""")
    wrong_with("replaces os._exit", "import os\ndef spread(x):\n"
               "    os._exit = print\n    return x")


# ---- harm ---------------------------------------------------------------

@pytest.mark.parametrize("body, words", [
    ("time.sleep(1000)", "time.sleep(1000)"),
    ("signal.setitimer(signal.ITIMER_REAL, 0)\n    while True: pass",
     "could not be interrupted"),
    ("while True:\n        try:\n            while True: pass\n"
     "        except BaseException: pass", "not done in time"),
    ("return sum(1 for _ in iter(int, 1))", "not done in time"),
    ("return max(iter(int, 1))", "could not be interrupted")])
def test_what_does_not_end(body, words):
    wrong_with(words, f"import signal, time\ndef spread(x):\n    {body}",
               limit=0.5)
    assert solved_afterwards()


@pytest.mark.parametrize("body, words", [
    ("signal.signal(signal.SIGALRM, signal.SIG_IGN)", "signal only works in"),
    ("open('/proc/self/mem', 'rb')", "looks into the interpreter"),
    ("os.kill(os.getppid(), 9)", "sends a signal"),
    ("os.killpg(0, 9)", "sends a signal"),
    ("os.fork()", "opens another program"),
    ("os.posix_spawn('/bin/sleep', ['sleep', '9'], {})", "another program"),
    ("import subprocess", "way round"),
    ("os.remove('README.md')", "changes files"),
    ("shutil.rmtree('tests')", "changes files"),
    ("open('README.md', 'a')", "changes files"),
    ("np.save('x.npy', x)", "changes files"),
    ("keep = [np.empty(1 << 24) for _ in range(1 << 20)]", "MemoryError"),
    ("return np.broadcast_to(1., (1 << 20, 1 << 20))", "MemoryError"),
    ("f = lambda n: [*map(f, [n])]\n    sys.setrecursionlimit(10 ** 9)\n"
     "    f(0)", "call itself without end"),
    ("a = []\n    a.append(a)\n    return a", "RecursionError"),
    ("signal.raise_signal(signal.SIGTERM)", "signal 15")])
def test_harm_ends_with_the_answer(body, words):
    wrong_with(words, "import os, shutil, signal, sys, threading, time\n"
               f"def spread(x):\n    {body}\n    return {VALUE}")
    assert (registry.HERE.parents[1] / "README.md").exists()
    assert solved_afterwards()


def test_a_server_that_was_killed_is_replaced():
    assert solved_afterwards()
    runner._server._process.kill()  # and asked before it is known
    assert solved_afterwards()
    runner._server._process.kill()
    runner._server._process.wait()  # asked when it is: no pipe stays open
    assert solved_afterwards()


def test_a_thread_is_told_its_time_is_up():
    apart, words = Apart(lambda threads: None), []
    before = _thread._count()

    def wait():
        while not words:
            time.sleep(0.01)

    def ring(work):
        import signal
        signal.signal(signal.SIGALRM, apart.ring)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        apart(work)
    with pytest.raises(TimeUp) as caught:
        ring(wait)
    words.append("end")
    assert caught.value.frame.f_code.co_filename == __file__
    while _thread._count() > before:    # or it slows all tests that follow
        time.sleep(0.01)


@pytest.mark.parametrize("body, words", [
    ("return 10 ** 100000", "of more than 4000 digits"),
    ("return [10 ** 100000, 0.]", "of more than 4000 digits"),
    ("return {10 ** 5000: 1}", "got a dict"),
    ("return {'a' * 10 ** 7: 1}", "got a dict"),
    ("return 'x' * 10 ** 8", "got a str"),
    ("raise ValueError('x' * 10 ** 8)", "ValueError: xxx"),
    ("return np.array(['a', 'b'])", "holds no plain numbers. To reread"),
    ("return (row for row in x)", "[...] for (...)"),
    ("os.closerange(0, 1000)", "ended the interpreter"),
    ("input()", "EOFError"), ("breakpoint()", "interpreter"),
    ("exit()", "ends the interpreter"), ("del np.sqrt", "numpy.sqrt"),
    ("x.shape = 4,", "writes to its argument x")])
def test_results_that_are_hard_to_describe(body, words):
    begun = time.process_time()
    wrong_with(words, f"import os\ndef spread(x):\n    {body}")
    assert time.process_time() - begun < 2  # outside the answer's process
    assert solved_afterwards()


# ---- odd clothes --------------------------------------------------------

@pytest.mark.parametrize("source", [
    f"spread = lambda x: {VALUE}",
    f"import functools\ndef f(a, x):\n    return {VALUE}\n"
    "spread = functools.partial(f, 1)",
    "import functools\ndef d(f):\n    @functools.wraps(f)\n"
    "    def g(*a, **k):\n        return f(*a, **k)\n    return g\n@d\n"
    + RIGHT,
    f"class S:\n    def __call__(self, x):\n        return {VALUE}\n"
    "spread = S()",
    f"class S:\n    @staticmethod\n    def s(x):\n        return {VALUE}\n"
    "spread = S.s",
    RIGHT.replace("return", "sys.stdout.close(); return"),
    RIGHT.replace("return", "sys.stdout = None; return"),
    RIGHT.replace("return", "sys.setrecursionlimit(60); return"),
    RIGHT.replace("return", "warnings.simplefilter('error'); return"),
    RIGHT.replace("return", "np.set_printoptions(precision=0); return"),
    RIGHT.replace("return", "np.seterr(all='raise'); return"),
    RIGHT.replace("return", "os.chdir('/'); return"),
    RIGHT.replace("return", "os.environ.clear(); return"),
    RIGHT.replace("return", "np.random.seed(0); random.seed(1); return"),
    RIGHT.replace("(x):", "(x, seen=[]):\n    seen.append(len(seen))"),
    RIGHT.replace("return", "open(tempfile.mkstemp()[1], 'w'); return"),
    RIGHT.replace("return", "thread = threading.Thread(target=len, args=([],"
                  ")); thread.start(); return"),
    RIGHT.replace("return", "x = x.view(); return"),
    f"class S:\n    def __init__(self, x):\n        self.__dict__['x'] = x\n"
    f"def spread(x):\n    x = S(x).x\n    return {VALUE}",
    "np.seterr(divide='raise')\n" + RIGHT.replace(
        "return", "try:\n        np.ones(1) / 0\n"
        "    except FloatingPointError:\n        return")
    + "RULES = np.seterr(divide='raise')",
    f"class A(np.ndarray): pass\ndef spread(x):\n    return ({VALUE}).view(A)",
    f"def spread(x):\n    return np.ma.array({VALUE})",
    f"def spread(x: NDArray) -> NDArray:\n    return {VALUE}",
    "from dataclasses import dataclass\n@dataclass\nclass K:\n"
    f"    v: float = 1.\ndef spread(x):\n    return K().v * {VALUE}",
    RIGHT.replace("return", "display(x); return")])
def test_a_right_answer_in_odd_clothes(source):
    if "RULES" in source:  # a global setting that the answer needs
        source = source.replace("def spread(x):", "def spread(x):\n    RULES")
    report = check("import os, random, sys, tempfile, threading, warnings\n"
                   + source)
    assert report.verdict == reports.SOLVED, str(report)


@pytest.mark.parametrize("source, words", [
    (RIGHT.replace("return", "yield"), "write `return` for `yield`"),
    ("async " + RIGHT, "write `def` without `async`"),
    (f"class spread:\n    def __init__(self, x):\n        self.v = {VALUE}",
     "got a spread"),
    ("import functools\n@functools.cache\n" + RIGHT, "unhashable type"),
    (f"def spread(x):\n    return np.array(list({VALUE}), object)",
     "an array of dtype object, which holds no plain numbers"),
    (f"def spread(x, n=[]):\n    n.append(1)\n    return {VALUE} * len(n)",
     "remembers earlier calls"),
    (f"n = 0\ndef spread(x):\n    global n\n    n += 1\n"
     f"    return {VALUE} if n < 5 else x", "remembers earlier calls"),
    ("right = iter([[1., 0.], [0.28191, 0.69581, 0.46359]])\n"
     "def spread(x):\n    return next(right)", "spread: wrong"),
    (f"def spread(x):\n    return {VALUE} + np.random.default_rng().normal()",
     "draws at random"),
    ("def spread(x):\n    return f'{x}'", "got a str"),
    ("def spread(x):\r    return 1 / 0\r", "Line 2 of code cell 1"),
    ("def spread(self, x):\n    return x", "positional argument"),
    ("@njit\n" + RIGHT, "The definition of spread could not be run."),
    (RIGHT.replace(
        ", 1))", ", 1)).astype('f')"), "Yours are float32, which rounds")])
def test_a_clumsy_answer_is_told_so(source, words):
    wrong_with(words, source)
    report = check(source)
    assert flat(report).count("Called once more") < 2


@pytest.mark.parametrize("body", [
    "x[0].append(1)", "x[0][0] = 5", "k['a'].clear()", "k['a'][0][0] = 9.",
    "k['b'] = 1", "x.pop()", "x[1], x[0] = x"])
def test_what_is_nested_in_an_argument_is_not_to_be_changed(write, body):
    root = write("@exercise('Here')\ndef f(answer):\n"
                 "    x, k = [[1], [2, 3]], {'a': [np.ones(2)]}\n"
                 "    answer.on(x, k=k).gives(3)\n"
                 "    assert x == [[1], [2, 3]] and k['a'][0][0] == 1\n",
                 "def f(x, k):\n    return 3\n")
    report = check(f"def f(x, k):\n    {body}\n    return 3", name="f",
                   root=root)
    assert f"writes to its argument {body[0]}." in flat(report)


def test_a_view_of_an_argument_does_no_harm(write):
    """NumPy itself returns views (reshape, x[0]): the result is copied
    before anything is written, so a view is as good as a copy."""
    root = write("@exercise('Here')\ndef f(answer):\n"
                 "    x = np.arange(3.)\n    y = answer(x)\n    y += 1\n"
                 "    answer.on(x).gives([0., 1., 2.])\n",
                 "def f(x):\n    return 1. * x\n")
    report = check("def f(x):\n    return x", name="f", root=root)
    assert report.verdict == reports.SOLVED, str(report)


def test_a_server_that_does_not_last_is_reported(monkeypatch):
    monkeypatch.setattr(runner._Server, "_ask", lambda *_: None)
    report = check(RIGHT)
    assert "the process that checks was stopped" in flat(report)


def test_a_callback_of_the_check_may_fail_in_the_answer(write):
    """A traceback, or a warning, shows no line of the check, nor opens it."""
    root = write("@exercise('Here')\ndef f(answer):\n    def g(x):\n"
                 "        return np.ones(1) / x\n    answer.on(g).gives(3)\n",
                 "def f(g):\n    return 3\n")
    report = check("import traceback, warnings\ndef f(g):\n"
                   "    warnings.simplefilter('always'); g(0)\n"
                   "    try:\n        g('a')\n    except Exception:\n"
                   "        traceback.print_exc()\n    return 4", name="f",
                   root=root)
    assert "3 is right, you have 4" in flat(report), str(report)
    assert "RuntimeWarning: divide" in report.printed and "ufunc" in (
        report.printed) and "np.ones(1)" not in report.printed


def test_a_check_that_fails_itself_is_no_fault_of_the_reader(write):
    root = write("@exercise('Here', takes=('g',))\ndef f(answer):\n"
                 "    answer.on(1).gives(2)\n\n\ndef g(answer):\n"
                 "    1 / 0\n", "def f(x):\n    return 2\n")
    report = check("def f(x):\n    return g(x)", name="f", root=root)
    assert "not your fault (KeyError: 'g'; line" in flat(report)
    assert "please report it" in flat(report)


# ---- notebooks ----------------------------------------------------------

def book(*sources):
    return {"cells": [{"cell_type": "code", "source": s} for s in sources]}


def dump(content, encoding="utf-8"):
    return json.dumps(content, ensure_ascii=False).encode(encoding)


NAMED = "# é 标准差\n" + RIGHT
OLD = {"nbformat": 3, "worksheets": [{"cells": [
    {"cell_type": "code", "input": [RIGHT]}, {"cell_type": "heading"}]}]}


@pytest.mark.parametrize("data", [
    dump(book(NAMED), "utf-16"), dump(book(NAMED), "utf-16-le"),
    dump(book(NAMED), "utf-32"), dump(book(NAMED), "utf-8-sig"),
    dump(book("# é\n" + RIGHT), "latin-1"), dump(book(NAMED), "gbk"),
    dump(book(RIGHT.replace("\n", "\r\n"))).replace(b"{", b"{\r\n"),
    dump(book(RIGHT.replace("\n", "\r"))), dump(OLD),
    dump({"cells": [{"cell_type": "code"}, {"source": "x"}, 5, None,
                    {"cell_type": "code", "source": 5},
                    *book(RIGHT)["cells"]]}),
    dump({"cells": [{**book(RIGHT)["cells"][0], "outputs": 5,
                     "metadata": None}]}),
    dump(book("<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> b", RIGHT)),
    dump(book("if 1:\n\tm = 2\n        n = 3", RIGHT)),
    dump(book("%matplotlib inline\n!pip install x\n?len\nlen?\n" + RIGHT,
              "%%bash\nrm x", "pip install x", "ls -l")),
    dump(book("!pip install \\\n    x \\\n    y\n" + RIGHT)),
    dump(book("    " + RIGHT.replace("\n", "\n    "))),
    dump(book("y = await f()\n" + RIGHT)), dump(book("return 3\n" + RIGHT)),
    dump(book("x = a" + ".b" * 900, "x = " + "-" * 900 + "1",
              "x = " + "+".join("1" * 9000), "x = " + "[" * 5000, RIGHT)),
    json.dumps(book("s = '\ud800'", RIGHT)).encode(),
    dump(book("\x00", "\x0c\n" + RIGHT)),
    dump(book(RIGHT.replace("np.sqrt", ""), RIGHT))])
def test_a_right_answer_is_found_in_a_strange_notebook(data, tmp_path):
    (tmp_path / "n.ipynb").write_bytes(data)
    report = found(tmp_path)
    assert report.verdict == reports.SOLVED, str(report)


def found(folder):
    return finding.report_on("spread", [finding.Notebooks(folder)], SAMPLE)


@pytest.mark.parametrize("data, words", [
    (b"", "it is not JSON"), (b"PK\x03\x04\xff\xfe", "it is not JSON"),
    (dump(book(RIGHT))[:-9], "it is not JSON"),
    (dump(book(RIGHT), "utf-16")[:-9], "it is not JSON"),
    (dump(book(RIGHT)).replace(b'"cells"', b'\n<<<<<<< HEAD\n"cells"'),
     "git's conflict markers"),
    (dump(book("<<<<<<< HEAD\n" + RIGHT + "=======\n>>>>>>> b\n")),
     "git's conflict markers"),
    (b'{"cells": ' + b"[" * 100000, "no list of cells"),
    (b'{"cells": ' + b"9" * 5000 + b"}", "it is not JSON"),
    (dump([book(RIGHT)]), "no list of cells"),
    (dump(book(RIGHT + "    x = (")), "Code cell 1 is not Python"),
    (dump(book(RIGHT + "\tx = 1")), "inconsistent use of tabs"),
    (dump(book(RIGHT, "spread = 5")), "spread is not a function"),
    (dump({"cells": [{"cell_type": "raw", "source": RIGHT}]}),
     "change the cell's type to Code")])
def test_what_is_wrong_with_a_notebook_is_said(data, words, tmp_path):
    (tmp_path / "00_sample_exercises.ipynb").write_bytes(data)
    report = found(tmp_path)
    assert report.verdict != reports.SOLVED
    assert words in flat(report), str(report)


@pytest.mark.parametrize("make", [
    Path.mkdir, os.mkfifo, lambda path: path.symlink_to("nowhere"),
    lambda path: path.symlink_to(path)])
def test_what_is_called_a_notebook_and_is_no_file(make, tmp_path):
    make(tmp_path / "00_sample_exercises.ipynb")
    report = found(tmp_path)
    assert report.verdict == reports.WRONG
    assert "00_sample_exercises.ipynb" in flat(report)
    (tmp_path / "mine.py").write_text(RIGHT)
    assert found(tmp_path).verdict == reports.SOLVED


@pytest.mark.parametrize("source", [
    "if True:\n    " + RIGHT.replace("\n", "\n    "),
    "with np.errstate(all='ignore'):\n\t" + RIGHT.replace("\n", "\n\t"),
    "%%writefile a.py\n" + RIGHT, "%%python3\n" + RIGHT])
def test_a_definition_that_is_not_found_is_pointed_out(source):
    report = check("x = 1", source)
    assert report.verdict == reports.OPEN
    assert "In code cell 2 it stands inside of" in report.notes[0]


def test_a_hundred_megabytes_of_outputs(tmp_path):
    content = book(RIGHT)
    content["cells"][0]["outputs"] = [
        {"data": {"image/png": "A" * 10 ** 7}} for _ in range(10)]
    (tmp_path / "n.ipynb").write_bytes(dump(content))
    begun = time.process_time()
    assert found(tmp_path).verdict == reports.SOLVED
    assert time.process_time() - begun < 5


# ---- the ways in: pytest, and a notebook's kernel -----------------------

HOSTILE = {
    "loop": "while True: pass", "exit": "__import__('os')._exit(0)",
    "skip": "import pytest; pytest.skip('solved')",
    "patch": "np.allclose = lambda *a, **k: True",
    "print": "print('x' * 10 ** 7)", "kill": "import os; os.abort()",
    "balloon": "return np.empty(1 << 40)", "raise": "raise KeyboardInterrupt"}


def hostile_answers():
    """Names of exercises, each with an answer that does harm."""
    names = [n for n in registry.registered() if not registry.takes(n)]
    return dict(zip(names, HOSTILE.values())), names[len(HOSTILE)]


def solution_of(name):
    return registry.load(name).solution_source


@pytest.mark.long
def test_pytest_checks_what_stands_beside_them(tmp_path):
    answers, name = hostile_answers()
    (tmp_path / "a.ipynb").write_bytes(dump(book(
        solution_of(name), *(f"def {n}(*a, **k):\n    {body}"
                             for n, body in answers.items()))))
    (tmp_path / "b.ipynb").mkdir()
    (tmp_path / "conftest.py").write_text("print('run', flush=True)")
    picked = " or ".join(f"[{n}]" for n in (*answers, name))
    done = checked_by_pytest(f"--answers={tmp_path}", "-k", picked)
    total = done.stdout.strip().splitlines()
    assert f"{len(answers)} failed, 1 passed" in total[-1], done.stdout
    assert "b.ipynb is not a notebook" in done.stdout
    assert "run" not in done.stdout.split()
    done = checked_by_pytest("--answers", str(tmp_path))
    assert "conftest.py would be run by pytest, unchecked" in done.stderr
    assert "run" not in done.stdout.split()


def checked_by_pytest(*arguments):
    tests = Path(__file__).parent
    return subprocess.run(
        [sys.executable, "-m", "pytest", str(tests / "exercises"), "-q", "-p",
         "no:cacheprovider", *arguments],
        capture_output=True, text=True, cwd=tests.parent, timeout=300)


@pytest.mark.long
@pytest.mark.filterwarnings("default")
def test_a_kernel_survives_them():
    """check() in a kernel, in which NumPy and tinygen are replaced, too."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    answers, name = hostile_answers()
    sources = ["import numpy as np\nimport tinygen as tg"]
    for n, body in answers.items():
        sources += [f"def {n}(*a, **k):\n    {body}", f"tg.check('{n}')"]
    sources += ["setattr(np, 'allclose', lambda *a, **k: True)\nimport os\n"
                "os.environ['PYTHONWARNINGS'] = 'error'\n"
                "from tinygen.exercises import compare, runner\n"
                "compare.difference = lambda *a: ''\n"
                "runner._server.stop()\nos.chdir('/')",
                f"def {name}(*a, **k):\n    return None",
                f"tg.check('{name}')", solution_of(name),
                f"tg.check('{name}')"]
    node = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(s) for s in sources])
    nbclient.NotebookClient(node, timeout=120).execute()
    said = [cell.outputs[0]["text"] for cell in node.cells
            if "tg.check" in cell.source]
    assert [text.splitlines()[0].partition(": ")[2] for text in said] == [
        *["wrong"] * (len(answers) + 1), "solved"], said[-2:]


def test_answers_that_cannot_be_written(tmp_path):
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "1_exercises.ipynb").write_text("{}")
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "1_exercises.ipynb").symlink_to("no/where")
    with pytest.raises(SystemExit, match="ipynb cannot be written: No such"):
        copy(tmp_path / "chapters")
    (tmp_path / "answers" / "1_exercises.ipynb").unlink()
    (tmp_path / "answers").rmdir()
    (tmp_path / "answers").write_text("a file")
    with pytest.raises(SystemExit, match="answers cannot be made: File ex"):
        copy(tmp_path / "chapters")


@pytest.mark.parametrize("error, raised", [
    (OSError(28, "No space left"), SystemExit),
    (KeyboardInterrupt(), KeyboardInterrupt)])
def test_half_a_notebook_is_not_kept_as_the_readers(tmp_path, monkeypatch,
                                                    error, raised):
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "1_exercises.ipynb").write_text("{}")

    def half(path, text, **options):
        path.write_bytes(b"{")
        raise error
    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(raised):
        copy(tmp_path / "chapters")
    assert not list((tmp_path / "answers").iterdir())


def test_all_are_copied_though_nobody_reads_on(tmp_path, monkeypatch):
    (tmp_path / "chapters").mkdir()
    for k in range(3):
        (tmp_path / "chapters" / f"{k}_exercises.ipynb").write_text("{}")

    def broken(*args):
        raise BrokenPipeError(32, "Broken pipe")
    monkeypatch.setattr("builtins.print", broken)
    with pytest.raises(BrokenPipeError):
        copy(tmp_path / "chapters")
    assert len(list((tmp_path / "answers").iterdir())) == 3


# ---- every exercise -----------------------------------------------------

class Agrees:
    """Says yes to whatever is asked of it."""
    shape, dtype, ndim, size = (), np.dtype(float), 0, 1

    def __call__(self, *args, **named):
        return self

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = (
        lambda *args: True)
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __getitem__ = (
        __abs__) = __getattr__ = __array_function__ = __array_ufunc__ = (
        __call__)
    __hash__ = object.__hash__
    __iter__ = lambda self: iter(())  # noqa: E731
    __len__ = lambda self: 0  # noqa: E731


class Hollow(list):
    """A list as long as you like, with nothing in it."""
    __eq__ = __contains__ = lambda *args: True
    __len__ = lambda self: 2  # noqa: E731
    __iter__ = lambda self: iter(())  # noqa: E731


def stuffed(value, number):
    """The same with every number replaced."""
    if isinstance(value, np.ndarray | float | int | np.generic):
        return np.full(np.shape(value), number)
    if isinstance(value, tuple | list):
        return type(value)(stuffed(v, number) for v in value)
    if isinstance(value, dict):
        return {k: stuffed(v, number) for k, v in value.items()}
    return type(value)(stuffed(value.data, number)) if hasattr(
        value, "data") else None


CHEATS = {
    "agrees": lambda solution: lambda *a, **k: Agrees(),
    "hollow": lambda solution: lambda *a, **k: Hollow(),
    "object": lambda solution: lambda *a, **k: np.array([Agrees()] * 3),
    "input": lambda solution: lambda *a, **k: a[0] if a else k,
    "none": lambda solution: lambda *a, **k: None,
    "nan": lambda solution: lambda *a, **k: stuffed(
        solution(*a, **k), np.nan),
    "inf": lambda solution: lambda *a, **k: stuffed(
        solution(*a, **k), np.inf),
    "once": lambda solution: lambda *a, calls=[], **k: (
        calls.append(1), solution(*a, **k) if len(calls) < 2 else a)[1]}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("cheat", [
    cheat if cheat == "once" else pytest.param(cheat, marks=pytest.mark.long)
    for cheat in CHEATS])
def test_a_cheat_solves_no_exercise_of_the_book(cheat):
    solved = []
    for name in registry.registered():
        exercise = registry.load(name)
        answer = Answer(exercise, CHEATS[cheat](exercise.solution))
        try:
            exercise.check(answer)
            solved += [] if answer.remembers() else [name]
        except Exception:
            continue
    assert solved == []
