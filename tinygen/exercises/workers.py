"""Running answers where they can do no harm.

A server process imports tinygen once and forks a worker for each answer; it
kills the worker when the time is up. Without fork (Windows) each answer gets
an interpreter of its own, which is slower by the import.
"""
import functools
import json
import os
import secrets
import select
import signal
import sys
import time
import traceback
from ast import literal_eval
from pathlib import Path

from . import registry

if hasattr(os, "fork"):
    import resource

HAS_FORK = hasattr(os, "fork")
GRACE = 2.        # seconds from an answer's own limit until it is killed
MEMORY = 3 << 30  # bytes of address space, beyond what the imports took
FILE = 1 << 26    # bytes of a file that an answer writes
DONE = b"done"    # a worker's last word: its children may keep the pipe open


def serve():
    """Answer requests, a JSON line each, until the input ends."""
    import numpy.random  # noqa: F401  so that forked workers have them

    import tinygen  # noqa: F401

    from . import judge  # noqa: F401
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    out.write(b"ready\n")
    for line in sys.stdin.buffer:
        request = json.loads(line)
        ticket = request.pop("ticket")  # an answer must not know it
        _warm(request["name"], request["root"])
        fields = {**_fork(request), "ticket": ticket}
        out.write(json.dumps(fields).encode() + b"\n")


@functools.cache
def _warm(name, root):
    """Read, compile and import for once what each worker would again."""
    try:
        registry.load(name, root)
    except Exception:
        pass  # the worker says so


def work(leave=os._exit):
    """Answer one request from standard input on standard output."""
    import tinygen  # noqa: F401

    from .judge import judge
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    request = json.load(sys.stdin)
    secret = request.pop("ticket")
    judge(request, lambda report: _tell(out, secret, vars(report)))
    leave(0)  # before what the answer wants done at exit


def _tell(out, secret, fields, write=os.write):
    """Write a Report's fields, by nothing that an answer can replace."""
    line = f"{secret}{fields!r}\n".encode()
    while line:
        line = line[write(out, line):]


def _fork(request):
    """The fields of a Report, from a worker with a time limit."""
    secret = secrets.token_hex(8)
    reading, writing = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(reading)
        _worker(request, writing, secret)  # does not return
    os.close(writing)
    text, in_time = _read(reading, request["limit"] + GRACE,
                          secret.encode() + DONE)
    os.close(reading)
    try:
        os.killpg(worker, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        os.kill(worker, signal.SIGKILL)  # a zombie, or not yet a group
    _, status = os.waitpid(worker, 0)
    fields = last_report(text, secret)
    if fields:
        return fields
    if not in_time:
        return timed_out(request)
    code = os.waitstatus_to_exitcode(status)
    return died(f"exit code {code}" if code >= 0 else f"signal {-code}")


def _worker(request, writing, secret, write=os.write, leave=os._exit):
    """Judge, and leave without cleaning up after the answer.

    Defaults are bound before an answer can replace what they name.
    """
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        # Nothing of the server's stays open for an answer to write to
        os.closerange(3, writing)
        os.closerange(writing + 1, 1024)
        _limit(request["limit"] + GRACE)
        from .judge import judge
        judge(request, lambda report: _tell(writing, secret, vars(report)))
    except BaseException as error:  # ours: an answer's are caught in judge
        *_, (frame, line) = traceback.walk_tb(error.__traceback__)
        _tell(writing, secret, {
            "message": "The check itself failed, which is not your fault"
            f" ({type(error).__name__}: {error}; line {line} of"
            f" {frame.f_code.co_filename}): please report it, with your"
            " answer."})
    finally:
        try:
            write(writing, secret.encode() + DONE)
        finally:
            leave(0)  # even if the answer has closed the pipe


def _limit(seconds):
    """So that who fills the memory fails alone, and none outlives us long."""
    seconds = int(seconds) + 1
    try:
        taken = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        taken = 0  # not Linux
    memory = taken * resource.getpagesize() + MEMORY
    for name, most in (("RLIMIT_AS", memory), ("RLIMIT_CPU", seconds),
                       ("RLIMIT_FSIZE", FILE), ("RLIMIT_CORE", 0)):
        try:
            resource.setrlimit(getattr(resource, name), (most, most))
        except (ValueError, OSError):
            pass  # not offered by this system


def _read(fd, seconds, end):
    """(all that is written to fd, whether its end came in time)."""
    deadline, data = time.monotonic() + seconds, b""
    while (left := deadline - time.monotonic()) > 0:
        if select.select([fd], [], [], left)[0]:
            part = os.read(fd, 1 << 16)
            data += part
            if not part or data.endswith(end):
                return data.decode(errors="replace"), True
    return data.decode(errors="replace"), False


def last_report(text, secret):
    """The last complete report; a later one adds the likely mistake."""
    for line in reversed(text.split("\n")[:-1]):
        if line.startswith(secret):
            return literal_eval(line.removeprefix(secret))
    return None


def timed_out(request):
    return {"message": f"It was not done within {request['limit']:g} seconds,"
            " and could not be interrupted: a loop that does not end, or far"
            " too slow."}


def died(how):
    return {"message": "Your code ended the interpreter it ran in"
            f" ({how}), so there is no result to check. A function should"
            " return its result, and not call itself without end."}
