"""Judging one answer, inside a worker: load, run, compare, explain."""
import __future__

import ast
import io
import signal
import sys
import traceback
import warnings
from pathlib import Path

from . import guard as guarding
from . import lifting, registry, rules
from .answer import Answer, Wrong, likely_mistake
from .apart import Apart, TimeUp
from .reports import SOLVED, WRONG, Report, tidy

PRINTED = 1000  # characters of an answer's own output that a report shows
REMEMBERS = ("Called once more as the first time, your function gives"
             " something else. It draws at random, or remembers earlier calls:"
             " in a global name, or in a default argument that is a list or a"
             " dict.")


class Quiet(io.StringIO):
    """Takes all that is printed, keeps the beginning."""

    def write(self, text):
        room = PRINTED - self.tell()
        if room > 0:
            super().write(text[:room])
            if len(text) > room:
                super().write(" ...")
        return len(text)

    def close(self):
        """What is printed after this is of no interest, but no error."""


def judge(request, emit):
    """Check the answer in `request`; emit(report) at least once.

    request: name, root, pieces (Lifted.pieces), limit in seconds, and taken,
    the pieces of each solved exercise that this one takes. A report without
    a hint is emitted before the search for the likely mistake, in which an
    answer might still loop.
    """
    exercise = registry.load(request["name"], request["root"])
    taken = [registry.load(piece, request["root"])
             for piece in exercise.options.takes]
    report = Report(exercise.name, exercise.chapter, WRONG,
                    section=exercise.options.section)
    refused = rules.first_refusal(request["pieces"], exercise.options)
    if refused:
        _refuse(report, exercise, refused)
        return emit(report)
    printed = sys.stdout = sys.stderr = Quiet()
    warnings.simplefilter("ignore")
    guard = guarding.Guard(_hidden(request["root"]))
    apart, answer = Apart(guard.check), None
    try:
        _set_alarm(request["limit"], apart.ring)
        function, report.notes = _function(request, exercise, taken, apart)
        answer = _run(report, exercise, function, request["pieces"], apart)
        guard.check()
    except rules.Refused as refusal:
        _refuse(report, exercise, guard.refused or refusal)
        answer = None
    finally:
        _set_alarm(0)
    report.printed = printed.getvalue().strip().encode(
        "utf-8", "replace").decode()
    if report.verdict == SOLVED:
        report.notes = []
    emit(report)
    if report.verdict == WRONG and answer and not report.hint:
        report.mistake = likely_mistake(exercise, function, apart)
        _add_hint(report, exercise)
        if not report.hint and REMEMBERS != report.message and (
                answer.remembers()):
            report.message += f"\n{REMEMBERS}"
        emit(report)


def _hidden(root):
    """The files that an answer must not open."""
    folders = [Path(root) / kind for kind in ("checks", "solutions", "wrong")]
    book = registry.CHAPTERS.parent / "book" / "html"
    return [*folders, registry.CHAPTERS / "solutions", book / "chapters"
            / "solutions", book / "_sources", book.parent / "_build",
            registry.CHAPTERS.parent / ".git"]


def _set_alarm(seconds, ring=None):
    """TimeUp in that many seconds, with the answer's frame.

    What does not come back to Python in time is killed from outside.
    """
    if hasattr(signal, "SIGALRM"):
        if ring:
            signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _function(request, exercise, taken, apart):
    """(the answer, notes on statements that failed)."""
    given = {}
    for piece in taken:
        given[piece.name] = piece.solution
        if piece.name in request["taken"]:
            space, _ = _executed(request["taken"][piece.name], piece.options,
                                 apart)
            given[piece.name] = space[piece.name]
    space, notes = _executed(request["pieces"], exercise.options, apart,
                             given)
    return space.get(exercise.name), notes


def _executed(pieces, options, apart, given=()):
    """(the globals after running these pieces, notes on what failed)."""
    space, notes = rules.namespace(sys.modules["tinygen"], options), []
    space.update(given)
    for label, source, wanted in pieces:
        body = ast.parse(source).body
        for index in wanted:
            module = ast.Module([body[index]], [])
            try:
                # a cell may have said `from __future__ import annotations`;
                # a dataclass of no module could not do with their names
                later = isinstance(body[index], ast.FunctionDef) and (
                    __future__.annotations.compiler_flag)
                code = compile(module, label, "exec", later)
                apart(lambda code=code: exec(code, space))
            except (rules.Refused, TimeUp):
                raise
            except BaseException as error:
                notes.append(f"Line {body[index].lineno} of {label} failed:"
                             f" {_plainly(error, apart)}.")
    return space, notes


def _run(report, exercise, function, pieces, apart):
    """Run the check and fill in the report: the Answer, if it may go on."""
    sources = {label: source for label, source, _ in pieces}
    answer = Answer(exercise, function,
                    lambda e: explained(e, sources, apart), apart)
    try:
        if not callable(function):
            raise Wrong(f"{exercise.name} is not a function." if function
                        is not None or not report.notes else "The definition"
                        f" of {exercise.name} could not be run.")
        exercise.check(answer)
        if answer.remembers():
            raise Wrong(REMEMBERS)
        report.verdict = SOLVED
        return None
    except Wrong as wrong:
        report.message = wrong.message
        vars(report).update(wrong.fields)
    except AssertionError as error:
        report.message = " ".join(str(error).split())
    except TimeUp as error:
        function = None
        report.message = ("It was not done in time: a loop that does not end,"
                          " or far too slow."
                          + _place(_callers(error.frame), sources))
    except rules.Refused:
        raise
    except BaseException as error:
        report.message = ("The check could not go on with what your function"
                          " returned. " + explained(error, sources, apart))
    report.called, report.got = answer.words()
    return answer if callable(function) else None


def explained(error, sources, apart):
    """An exception in an answer, in words, with the reader's line."""
    walked = list(traceback.walk_tb(error.__traceback__))
    place = _place(reversed(walked), sources)
    raised_in = walked[-1][0].f_code if walked else None
    if isinstance(error, NotImplementedError) and (
            raised_in and raised_in.co_filename in sources):
        return (f"`raise NotImplementedError` was reached in"
                f" {raised_in.co_name}, whose stub came with it: delete it,"
                f" or write the case that is missing.{place}")
    if isinstance(error, SystemExit):
        return ("Your function ends the interpreter. It should return"
                " instead." + place)
    if isinstance(error, NameError) and place:
        run = any(label.startswith("In [") for label in sources)
        return (f"{_plainly(error, apart)}. Imports, functions, classes and"
                f" assignments come along from other cells"
                f"{' that have been run' * run}, if they are not inside a"
                f" loop or a condition.{place}")
    return f"{_plainly(error, apart)}{place}"


def _plainly(error, apart):
    """The exception's kind and words: its __str__ is the answer's code."""
    try:
        said = apart(lambda: f"{type(error).__name__}: {error}")
    except (rules.Refused, TimeUp):
        raise
    except BaseException:
        said = type(error).__name__
    return "".join(c if c.isprintable() or c == "\n" else " "
                   for c in said[:500].rstrip(": "))


def _callers(frame):
    """(frame, line), of the innermost first: as traceback.walk_stack."""
    while frame:
        yield frame, frame.f_lineno
        frame = frame.f_back


def _place(walked, sources):
    """The innermost line of the reader's own code."""
    for frame, line in walked:
        label = frame.f_code.co_filename
        if label in sources:
            text = sources[label].split("\n")[line - 1].strip()
            return f"\nLine {line} of {label}:\n      {text}"
    return ""


def _refuse(report, exercise, refused):
    """Report a refusal, with the hint of a wrong answer that does the same."""
    report.verdict, report.message = WRONG, refused.words
    report.called = report.got = report.expected = ""
    used = refused.what.split(".")[-1]
    lifted = lifting.Lifted([lifting.Cell("", exercise.wrong_source)])
    for name in exercise.wrong:
        own = rules.first_refusal(
            lifted.pieces(f"{exercise.name}__{name}"), exercise.options)
        if own and own.what.split(".")[-1] == used:
            report.mistake = name
            return _add_hint(report, exercise)


def _add_hint(report, exercise):
    if report.mistake:
        report.hint, section = tidy(exercise.wrong[report.mistake].__doc__)
        report.section = section or report.section
