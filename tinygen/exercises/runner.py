"""From a notebook's cells to a report, by way of a worker process."""
import atexit
import difflib
import json
import os
import secrets
import select
import subprocess
import sys
import tempfile
import time

from . import registry, workers
from .lifting import Lifted
from .reports import SOLVED, WRONG, Report

LIMIT = 10.  # seconds an answer may take


def check_cells(name, cells, root=registry.HERE, limit=LIMIT):
    """The Report on the answer called `name` in these cells."""
    return check_lifted(name, Lifted(cells), root, limit)


def check_lifted(name, lifted, root=registry.HERE, limit=LIMIT):
    """The same for cells that have been read already.

    ValueError if there is no exercise of that name.
    """
    report = Report(name, chapter_of(name, root))
    begun = time.perf_counter()
    makers = lifted.makers(name)
    if not makers:
        _missing(report, lifted)
    elif not lifted.is_stub(makers[-1]):
        takes = [piece for piece in registry.takes(name, root)
                 if lifted.leads_to(name, piece)]
        mine = [piece for piece in takes if check_lifted(
            piece, lifted, root, limit).verdict == SOLVED]
        report = judged(name, lifted.pieces(name, takes), root, limit,
                        {piece: lifted.pieces(piece) for piece in mine})
        report.notes += _left_over(report, lifted) + _taken(takes, mine)
    report.notes += _others(name, lifted, makers)
    report.seconds = time.perf_counter() - begun
    return report


def judged(name, pieces, root, limit, taken):
    """The Report of a worker on these pieces of source."""
    request = {"name": name, "root": str(root), "pieces": pieces,
               "limit": limit, "taken": taken}
    fields = _server.ask(request) if workers.HAS_FORK else _run_apart(request)
    report = Report(name, chapter_of(name, root), WRONG)
    vars(report).update(fields)
    return report


def chapter_of(name, root=registry.HERE):
    names = registry.registered(root)
    if name in names:
        return names[name]
    near = difflib.get_close_matches(name, names, 1)
    raise ValueError(f"There is no exercise called {name!r}."
                     + (f" Did you mean {near[0]!r}?" if near else ""))


def _missing(report, lifted):
    """No cell defines the name: say so, or which cell could not be read."""
    cells = lifted.mentions(report.name)
    for cell, error in lifted.broken:
        if cell in cells:
            report.verdict = WRONG
            report.message = _left_out(cell, error)
            return
    report.message = f"No code cell defines a function {report.name}."
    if any(not cell.is_code for cell in cells):
        report.notes = [f"{report.name} stands in a text cell: change the"
                        " cell's type to Code."]
    elif cells:
        report.notes = [f"In {cells[-1].label} it stands inside of something"
                        " else (an if, a with, a class, a %%magic): define it"
                        " at the left edge of a cell."]


def _left_out(cell, error):
    line = f"Line {error.lineno}: " if error.lineno else "It says: "
    return (f"{cell.label[:1].upper()}{cell.label[1:]} is not Python and was"
            f" left out. {line}{error.msg}.")


def _left_over(report, lifted):
    """Notes on cells that could not be read, where they may matter."""
    named = lifted.mentions(report.name)
    return [_left_out(cell, error) for cell, error in lifted.broken
            if not cell.label.startswith("In [")  # the kernel said so
            and (report.verdict == WRONG or cell in named)]


def _taken(takes, mine):
    """Which of the functions a capstone builds on are the reader's own."""
    rest = [piece for piece in takes if piece not in mine]
    parts = [f"on {whose} {', '.join(names)}" for whose, names
             in (("your", mine), ("the book's", rest)) if names]
    return [f"Built {' and '.join(parts)}."] if parts else []


def _others(name, lifted, makers):
    """A note, if the name is defined more than once in a notebook."""
    places = list(dict.fromkeys(map(lifted.where, makers)))
    if len(places) < 2 or places[0].startswith("In ["):
        return []  # running a cell again is no second definition
    return [f"{name} is defined in {', '.join(places[:-1])} and"
            f" {places[-1]}; the last one counts."]


# --- the server, seen from outside -----------------------------------------

def _environment():
    """Workers use what needs no compiling and leaves no threads, and assert.
    """
    path = [str(registry.HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "TINYGEN_KERNELS": "plain", "PYTHONOPTIMIZE": "",
            "OPENBLAS_NUM_THREADS": "1", "VECLIB_MAXIMUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, path))}


def _command(word):
    # -P: a reader's own random.py beside the notebook is not imported
    return [sys.executable, "-P", "-m", "tinygen.exercises", word]


def _run_apart(request):
    """One answer in an interpreter of its own."""
    ticket = secrets.token_hex(8)
    try:
        done = subprocess.run(
            _command("work"), text=True,
            input=json.dumps({**request, "ticket": ticket}),
            encoding="utf-8", stdout=subprocess.PIPE, env=_environment(),
            stderr=subprocess.DEVNULL, timeout=request["limit"] + 30.)
    except subprocess.TimeoutExpired:
        return workers.timed_out(request)
    return workers.last_report(done.stdout, ticket) or workers.died(
        f"exit code {done.returncode}")


class _Server:
    """The process that forks workers; started at the first question."""

    def __init__(self):
        self._process = None

    def ask(self, request):
        """The fields of the report; an interruption starts afresh.

        Asked twice if need be: who stopped the server need not be the answer.
        """
        try:
            return self._ask(request) or self._ask(request) or workers.died(
                "the process that checks was stopped")
        except BaseException:
            self.stop()
            raise

    def _ask(self, request):
        """The fields, or None if the server was stopped."""
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self._start()
        server, ticket = self._process, secrets.token_hex(8)
        try:
            server.stdin.write(json.dumps(
                {**request, "ticket": ticket}).encode() + b"\n")
        except BrokenPipeError:
            self.stop()
            return None
        patience = request["limit"] + workers.GRACE + 30.
        ready, _, _ = select.select([server.stdout], [], [], patience)
        line = server.stdout.readline() if ready else b""
        fields = json.loads(line) if line.endswith(b"}\n") else {}
        if fields.pop("ticket", None) != ticket:
            self.stop()
            return None
        return fields

    def _start(self):
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            _command("serve"), stdin=subprocess.PIPE, bufsize=0,
            stdout=subprocess.PIPE, stderr=self._errors, env=_environment(),
            start_new_session=True)  # Ctrl-C is for the one who asks
        if self._process.stdout.readline() != b"ready\n":
            self._process.wait()
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace")
            raise RuntimeError("Answers cannot be checked, because tinygen"
                               f" cannot be imported:\n{said[-2000:]}")

    def stop(self):
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._errors.close()
        self._process = None


_server = _Server()
atexit.register(_server.stop)
