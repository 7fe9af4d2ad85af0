"""What an answer may use: read off its source, and guarded while it runs."""
import ast
import builtins
import os
import sys
import types

CANONICAL = {"numpy": "np", "tinygen": "tg"}
# Ways round the rules. An honest answer has no use for them.
ROUNDABOUT = {
    "importlib", "builtins", "gc", "inspect", "ctypes", "runpy", "pkgutil",
    "subprocess", "multiprocessing", "sys.modules", "sys._getframe"}
ROUNDABOUT_BUILTINS = {
    "eval", "exec", "globals", "__import__", "__builtins__", "__globals__",
    "__code__", "__closure__", "__subclasses__"}
OURS = ("tg.exercises", "tg.check")


class Refused(BaseException):
    """The answer used what it may not. No `except Exception` stops it."""

    def __init__(self, what, words):
        super().__init__(words)
        self.what, self.words = what, words


def first_refusal(pieces, options):
    """None, or a Refused for the first thing the source may not use."""
    nodes = list(_nodes(pieces))
    aliases = {"np": "np", "tg": "tg"}
    for node, _ in nodes:
        aliases.update(_imported(node))
    for node, label in nodes:
        for name in _used(node, aliases):
            words = objection(name, options)
            if words:
                return Refused(
                    name, f"Line {node.lineno} of {label} uses"
                    f" {name.removeprefix('.')}. {words}")
    return None


def objection(name, options):
    """Why an answer may not use `name` ("tg.conv2d", ".std"), or ""."""
    name = name.removesuffix(".*")
    root = name.split(".")[0]
    if _within(name, OURS):
        return ("It leads to the solutions; they are in the book's appendix,"
                " for when you have tried.")
    if _within(name, ROUNDABOUT) or name in ROUNDABOUT_BUILTINS:
        return "That is a way round the rules, which an answer does not need."
    if _within(name, options.but_not):
        return "That is what this exercise asks you to write."
    if name.startswith((".", "__")) or _within(name, options.may_use):
        return ""
    if root == "np" or root in sys.stdlib_module_names:
        hidden = [n for n in (*options.but_not, *ROUNDABOUT)
                  if n.startswith(name + ".")]
        return hidden and f"Name what you need of it: {name}.something."
    also = "".join(f" and {n}" for n in options.may_use)
    if root == "tg":
        return (f"This exercise is written with NumPy{also}: the library's"
                " own version would do the work for you.")
    return f"This exercise is written with NumPy{also}."


def _within(name, allowed):
    return any(name == n or name.startswith(n + ".") for n in allowed)


def _nodes(pieces):
    for label, source, wanted in pieces:
        body = ast.parse(source).body
        for index in wanted:
            for node in ast.walk(body[index]):
                yield node, label


def _canonical(module):
    root, dot, rest = module.partition(".")
    return CANONICAL.get(root, root) + dot + rest


def _imported(node):
    """Local name -> full name, for an import or `name = module.name`."""
    if isinstance(node, ast.Import):
        for a in node.names:
            full = _canonical(a.name)
            yield (a.asname, full) if a.asname else (
                a.name.split(".")[0], full.split(".")[0])
    elif isinstance(node, ast.ImportFrom) and node.module:
        for a in node.names:
            yield a.asname or a.name, f"{_canonical(node.module)}.{a.name}"


def _used(node, aliases):
    """The full names that this one node uses.

    Of the nodes of `np.linalg.inv` each prefix is visited, too; a module is
    used as a whole only where it is not followed by a dot.
    """
    if isinstance(node, ast.ImportFrom):
        yield from dict(_imported(node)).values()
    elif isinstance(node, ast.Import):
        for full in dict(_imported(node)).values():
            if full not in ("np", "tg") and full.split(".")[0] not in (
                    sys.stdlib_module_names - ROUNDABOUT):
                yield full
    elif isinstance(node, ast.Attribute):
        chain = _chain(node)
        if chain and chain[0] in aliases and not hasattr(node, "dotted"):
            yield ".".join((aliases[chain[0]], *chain[1:]))
        yield node.attr if node.attr.startswith("__") else "." + node.attr
        node.value.dotted = True  # walk comes to it after its parent
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        if node.id in aliases and not hasattr(node, "dotted"):
            yield aliases[node.id]
        elif node.id in ROUNDABOUT_BUILTINS:
            yield node.id


def _chain(node):
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        inner = _chain(node.value)
        return inner and [*inner, node.attr]
    return None


class Library:
    """tinygen as an answer sees it: only what it may use."""

    def __init__(self, module, name, options):
        self._parts = module, name, options

    def __getattr__(self, attribute):
        module, name, options = self._parts
        name = f"{name}.{attribute}"
        words = objection(name, options)
        if words and _within(name, OURS):
            raise Refused(name, f"The answer uses {name}. {words}")
        value = getattr(module, attribute)
        if words and isinstance(value, types.ModuleType):
            return Library(value, name, options)
        if words:
            raise Refused(name, f"The answer uses {name}. {words}")
        return value


def namespace(tinygen, options):
    """The globals an answer starts with: np, tg and the builtins."""
    import numpy as np
    tg = Library(tinygen, "tg", options)

    def importer(name, *args, **kwargs):
        module = builtins.__import__(name, *args, **kwargs)
        if name.split(".")[0] != "tinygen":
            return module
        wanted = (args[2] if len(args) > 2 else kwargs.get("fromlist")) or ()
        if not wanted:
            return tg
        return Library(module, _canonical(name), options)

    return {"__name__": "__answer__", "np": np, "tg": tg,
            "__builtins__": {**vars(builtins), "__import__": importer}}


class Guard:
    """Notices what an answer replaces in NumPy or tinygen, or reads of ours.

    `refused` is the first offence, for an answer that swallowed the
    exception. An audit hook stays for the life of the process: use it in a
    worker only.
    """

    def __init__(self, hidden):
        self.refused = None
        self._hidden = tuple(map(os.path.realpath, hidden))
        owners = list(_owners())
        for name in [m for m in sys.modules
                     if m.startswith("tinygen.exercises")]:
            del sys.modules[name]  # so that an import is a visible event
        vars(sys.modules["tinygen"]).pop("exercises", None)
        self._before = [(owner, dict(vars(owner))) for owner in owners]
        sys.addaudithook(self._audit)

    def _audit(self, event, args):
        what = None
        if event == "open" and not isinstance(args[0], int):
            path = os.path.realpath(os.fsdecode(args[0]))
            if path.startswith(self._hidden):
                what = "a file of the solutions"
        elif event == "import" and args[0].startswith("tinygen.exercises"):
            what = args[0]
        elif event in ("subprocess.Popen", "os.system", "os.exec"):
            what = "another program"
        if what:
            self.refused = Refused(what, f"The answer opens {what}; work out"
                                   " your own, or read the appendix.")
            raise self.refused

    def check(self):
        """Raise Refused if anything was read or replaced."""
        if self.refused:
            raise self.refused
        for owner, before in self._before:
            now = vars(owner)
            for name, value in before.items():
                if now.get(name) is not value and (
                        callable(value) or isinstance(value, type(sys))):
                    full = f"{owner.__name__}.{name}"
                    raise Refused(full, f"The answer replaces {full}. Give"
                                  " your own function a name of its own.")


def _owners():
    """Modules and classes in which an answer must not replace anything."""
    for key, module in list(sys.modules.items()):
        root = key.split(".")[0]
        if key in ("builtins", "math") or root in ("numpy", "tinygen"):
            yield module
            if root == "tinygen":
                yield from (v for v in vars(module).values()
                            if isinstance(v, type)
                            and v.__module__.startswith("tinygen"))
