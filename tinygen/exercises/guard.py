"""Watching an answer while it runs: what it opens, starts and replaces.

This keeps honest people honest. Python has no walls inside a process: who
means to (with an address in memory, a file of bytecode) gets past it, and has
then spent more wit than the exercise asks for. The solutions are in the
book's appendix.
"""
import _thread
import os
import sys
import tempfile
from operator import is_

from .rules import Refused

# Audit events by what the answer does then; docs.python.org lists them
EVENTS = {
    "opens another program": (
        "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty",
        "os.posix_spawn", "os.spawn", "pty.spawn", "os.startfile"),
    "changes files": (
        "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink",
        "os.truncate", "os.chmod", "os.chown", "os.mkdir", "shutil.rmtree",
        "shutil.move"),
    "looks into the interpreter": (
        "sys._current_frames", "sys._current_exceptions", "sys.settrace",
        "sys.setprofile", "gc.get_objects", "gc.get_referrers",
        "gc.get_referents", "sys.addaudithook", "ctypes.dlopen",
        "ctypes.dlsym", "ctypes.cdata", "ctypes.string_at",
        "pickle.find_class", "code.__new__"),
    "sends a signal": ("os.kill", "os.killpg")}
DEEDS = {event: deed for deed, events in EVENTS.items() for event in events}
INSIDE = {"__code__", "__defaults__", "__kwdefaults__"}
PLAIN = "A function takes its arguments and returns its result, no more."


class Guard:
    """Notices what an answer replaces, reads of ours, or starts.

    `refused` is the first offence, for an answer that swallowed the
    exception. An audit hook stays for the life of the process: use it in a
    worker only.
    """

    def __init__(self, hidden):
        self.refused = None
        self._hidden = tuple(map(os.path.realpath, hidden))
        self._names = {path.name for folder in hidden
                       for path in folder.glob("ch*.py")}
        self._free = os.path.realpath(tempfile.gettempdir()), os.devnull
        self._main = _thread.get_ident()
        owners = list(_owners())
        for name in [m for m in sys.modules
                     if m.startswith("tinygen.exercises")]:
            del sys.modules[name]  # so that an import is a visible event
        vars(sys.modules["tinygen"]).pop("exercises", None)
        self._before = [(name, owner, dict(vars(owner)))
                        for name, owner in owners]
        sys.dont_write_bytecode = True  # an import writes nothing
        sys.addaudithook(self._audit)

    def _audit(self, event, args):
        what = None
        if event == "open" and not isinstance(args[0], int):
            what = self._opened(args)
        elif event == "import" and args[0].startswith("tinygen.exercises"):
            what = "opens the solutions"
        elif event == "object.__setattr__" and args[1] in INSIDE:
            what = f"replaces {args[1]} of a function"
        elif DEEDS.get(event) == "changes files":
            what = None if self._in_temporary(args) else "changes files"
        elif not self._is_ours(event, args):
            what = DEEDS.get(event)
        if what:
            self.refused = self.refused or Refused(
                what, f"The answer {what}. " + (
                    "Work out your own, or read the appendix."
                    if "solutions" in what else PLAIN))
            raise self.refused

    def _is_ours(self, event, args):
        """Apart.ring looks at a frame; who kills itself harms no other."""
        return (event == "sys._current_frames"
                and _thread.get_ident() == self._main) or (
                event == "os.kill" and args[0] == os.getpid())

    def _opened(self, args):
        path, mode, flags = args
        path = os.path.realpath(os.fsdecode(path))
        if self._is_hidden(path):
            return "opens a file of the solutions"
        if path.startswith("/proc/"):  # the memory, and where it is
            return "looks into the interpreter"
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) or (
            mode and set(mode) & set("wax+"))
        return writes and not _within(path, self._free) and "changes files"

    def _is_hidden(self, path):
        return _within(path, self._hidden) or (
            os.path.basename(path) in self._names)

    def _in_temporary(self, args):
        """Whether all these paths are, and are none of ours or above it."""
        paths = [os.path.realpath(os.fsdecode(a)) for a in args
                 if isinstance(a, (str, bytes, os.PathLike))]
        return bool(paths) and all(
            _within(p, self._free) and not self._is_hidden(p)
            and not any(_within(h, [p]) for h in self._hidden) for p in paths)

    def check(self, threads=False):
        """Raise Refused if anything was read, replaced or left running."""
        if self.refused:
            raise self.refused
        if threads:
            raise Refused("threading", "The answer leaves a thread running."
                          f" {PLAIN}")
        for full, owner, before in self._before:
            now = vars(owner)
            if [*now] == [*before] and all(
                    map(is_, now.values(), before.values())):
                continue  # nearly all, and no == of theirs is called
            added = () if isinstance(owner, type(sys)) else now
            for name in {**before, **now} if len(added) > len(
                    before) else before:
                value = before.get(name)
                if now.get(name) is not value and _counts(owner, value):
                    full = f"{full}.{name}"
                    raise Refused(full, f"The answer replaces {full}. Give"
                                  " your own function a name of its own.")


def _within(path, folders):
    """Whether it is one of these or below one: /a/bc is not below /a/b."""
    return any(path == folder or path.startswith(os.path.join(folder, ""))
               for folder in folders)


def _counts(owner, value):
    """Of a module its functions, classes and modules; of others all."""
    return not isinstance(owner, type(sys)) or callable(value) or isinstance(
        value, type(sys))


def _owners():
    """(name, x): in these modules, classes and ops nothing is replaced."""
    for key, module in list(sys.modules.items()):
        if not isinstance(module, type(sys)) or key == "__main__":
            continue
        yield key, module
        if key.split(".")[0] == "tinygen":
            for name, value in list(vars(module).items()):
                inside = getattr(value, "__module__", None) or ""
                if inside.startswith("tinygen") and hasattr(
                        value, "__dict__"):
                    yield f"{inside}.{name}", value
