"""The `answer` that a check gets: it calls, records, compares, complains."""
import inspect
from dataclasses import dataclass, field

from .apart import TimeUp
from .compare import (
    arrays,
    based,
    described,
    difference,
    fresh,
    is_usual,
    kind,
    stacked,
)
from .reports import tidy
from .rules import Refused

MISSING, END = object(), object()
ALIKE = 1e-6  # results this near, relatively, are the same mistake


class Wrong(AssertionError):
    """The answer is wrong; keywords are fields of the Report."""

    def __init__(self, message, **fields):
        super().__init__(message)
        self.message, self.fields = message, fields


@dataclass
class Call:
    """What the answer was given: arguments, and a view of the result."""
    inputs: tuple
    named: dict
    view: callable = None


@dataclass
class Outcome:
    """What came of a call: a value or an exception."""
    value: object = None
    error: BaseException = None
    changed: list = field(default_factory=list)  # arguments written to

    def agrees(self, other, dtype):
        """Whether this is the same result, or the same kind of failure."""
        if self.changed != other.changed:
            return False
        if self.error is not None or other.error is not None:
            return type(self.error) is type(other.error)
        return not difference(self.value, other.value, ALIKE, dtype)


def attempt(function, call, names, mutates=False, run=lambda f: f()):
    """The Outcome of calling the function with copies of the arguments.

    run is an Apart for answers of readers.
    """
    inputs = fresh(call.inputs, mutates)
    named = fresh(call.named, mutates)
    held = list(zip(names, (*inputs, *named.values())))
    before = [(name, a, a.copy()) for name, x in held for a in arrays(x)]
    members = [(name, x, _members(x)) for name, x in held]
    outcome = Outcome()

    def work(view=call.view):
        value = function(*inputs, **named)
        if mutates:
            value = (value, *inputs, *named.values())
        if view:
            value = view(*value) if mutates else view(value)
        return fresh(based(value))
    try:
        outcome.value = run(work)
    except (Refused, TimeUp):
        raise
    except BaseException as error:  # SystemExit, too
        outcome.error = error
    for name, now, then in before:
        if not mutates and difference(now, then, 0):
            outcome.changed.append(name)
            if now.shape == then.shape:
                now[...] = then  # a Tensor is shared with the check
    for name, x, then in members:
        if not mutates and list(map(id, _members(x))) != list(map(id, then)):
            outcome.changed.append(name)
    return outcome


def _members(x):
    """What lists and dicts hold, and these in turn; kept, so that an id is
    of one thing only."""
    if type(x) not in (list, tuple, dict):
        return []
    inside = [*x, *x.values()] if type(x) is dict else list(x)
    return [*inside, *(m for v in inside for m in (END, *_members(v)))]


class Answer:
    """A function under check, and the record of its calls."""

    def __init__(self, exercise, function, explain=repr, run=lambda f: f()):
        self.exercise, self.function = exercise, function
        self.explain = explain    # exception -> words
        self.run = run            # work -> its result
        self.calls, self.last, self._first = [], None, None

    def on(self, *inputs, **named):
        """The case with these arguments: .gives(...), .raises(...)."""
        return Case(self, Call(inputs, named))

    def __call__(self, *inputs, **named):
        """The function's result, for a property to be asserted."""
        return self.result(Call(inputs, named))

    def mistake(self, name):
        """An exception that gives the hint of the wrong answer so named."""
        hint, section = tidy(self.exercise.wrong[name].__doc__)
        section = {"section": section} if section else {}
        return Wrong("", hint=hint, mistake=name, **section)

    def names(self, call):
        """What to call the arguments: the solution's parameters."""
        parameters = list(inspect.signature(
            self.exercise.solution).parameters.values())
        names = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]
        if len(names) < len(call.inputs) or len(names) < len(parameters):
            names = [f"argument {i}" for i, _ in enumerate(call.inputs, 1)]
        return [*names[:len(call.inputs)], *call.named]

    def outcome(self, call):
        """Call the function and remember the call."""
        self.calls.append(call)
        self.last = call, MISSING
        outcome = self._attempt(call)
        if outcome.error is None:
            self.last = call, outcome.value
        if outcome.changed:
            raise Wrong("Your function writes to its argument"
                        f" {outcome.changed[0]}. Whoever called it still"
                        " needs that: make a new one.")
        if not is_usual(outcome.value):
            right = self.right(call)
            if right.error is None and is_usual(right.value):
                # no object's own == is asked
                raise Wrong(f"Expected {kind(right.value)}, got"
                            f" {kind(outcome.value)}.")
        elif self._first is None:
            self._first = call, Outcome(  # a check may write to its own
                fresh(outcome.value), outcome.error, outcome.changed)
        return outcome

    def _attempt(self, call):
        return attempt(self.function, call, self.names(call),
                       self.exercise.options.mutates, self.run)

    def remembers(self):
        """Whether the first call, made again, ends in something else."""
        if self._first is None:
            return False
        call, outcome = self._first
        return not self._attempt(call).agrees(outcome, True)

    def result(self, call):
        outcome = self.outcome(call)
        if outcome.error is not None:
            raise Wrong(self.explain(outcome.error))
        return outcome.value

    def right(self, call):
        """The solution's Outcome on the same arguments."""
        return attempt(self.exercise.solution, call, self.names(call),
                       self.exercise.options.mutates)

    def words(self):
        """(called, got) for the last call, as text."""
        if self.last is None:
            return "", ""
        call, got = self.last
        name = self.exercise.name
        given = list(zip(self.names(call), (*call.inputs,
                                            *call.named.values())))
        if not given:
            called = f"{name}()"
        else:
            called = f"{name}({', '.join(n for n, _ in given)}) with\n"
            called += "\n".join(f"{n} = " + described(x, " " * (len(n) + 3))
                                for n, x in given)
        return called, "" if got is MISSING else described(got)


class Case:
    """One call of the answer, and what it must give."""

    def __init__(self, answer, call):
        self._answer, self._call = answer, call

    def then(self, view):
        """The same call, but compared is view(result)."""
        call = self._call
        return Case(self._answer, Call(call.inputs, call.named, view))

    def gives(self, expected=MISSING, because="", tol=1e-8):
        """Compare with `expected`, or with what the solution gives."""
        answer = self._answer
        if expected is MISSING:
            right = answer.right(self._call)
            if right.error is not None:
                raise right.error
            expected = right.value
        got = answer.result(self._call)
        said = difference(got, expected, tol, answer.exercise.options.dtype)
        if said:
            raise Wrong(said, expected=described(stacked(expected)),
                        because=because)

    def raises(self, error, because=""):
        """The call must end in this exception."""
        answer = self._answer
        outcome = answer.outcome(self._call)
        if not isinstance(outcome.error, error):
            came = ("It was returned: write `raise` for `return`."
                    if type(outcome.value) is error else
                    "No exception came." if outcome.error is None
                    else answer.explain(outcome.error))
            raise Wrong(came, expected=f"a {error.__name__}",
                        because=because)


def likely_mistake(exercise, function, run=lambda f: f()):
    """The name of the wrong answer that behaves as `function` does, or "".

    Compared on all arguments that the check uses: those of a run with the
    solution, which gets to the check's end.
    """
    probe = Answer(exercise, exercise.solution)
    exercise.check(probe)
    mutates, dtype = exercise.options.mutates, exercise.options.dtype
    calls = [(call, probe.names(call)) for call in probe.calls]

    def outcomes(f, run=lambda f: f()):
        return (attempt(f, call, names, mutates, run)
                for call, names in calls)
    right = list(outcomes(exercise.solution))
    theirs = list(outcomes(function, run))

    def alike(these, those):
        return all(a.agrees(b, dtype) for a, b in zip(these, those))
    for name, wrong in exercise.wrong.items():
        results = list(outcomes(wrong))
        if alike(results, theirs) and not alike(results, right):
            return name
    return ""
