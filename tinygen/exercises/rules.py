"""What an answer may use: read off its source, and asked as it runs."""
import ast
import builtins
import sys
import types

CANONICAL = {"numpy": "np", "tinygen": "tg"}
# Ways round the rules. An honest answer has no use for them.
ROUNDABOUT = {
    "importlib", "builtins", "gc", "inspect", "ctypes", "runpy", "pkgutil",
    "subprocess", "multiprocessing", "sys.modules", "sys._getframe", "code",
    "codeop", "doctest", "pdb", "bdb", "pickle", "pydoc", "unittest", "trace",
    "zipimport", "operator.attrgetter", "operator.methodcaller",
    "typing.get_type_hints", "timeit", "profile", "cProfile", "marshal"}
ROUNDABOUT_BUILTINS = {
    "eval", "exec", "globals", "__import__", "__builtins__", "__globals__",
    "__code__", "__closure__", "__subclasses__", "__traceback__",
    "__getattribute__", "__array_namespace__", "__self__", "__defaults__",
    "__kwdefaults__", "__reduce__", "__reduce_ex__", "__dict__"}
# Attributes that lead out of the answer, whatever they are attributes of
ROUNDABOUT_ATTRIBUTES = {
    ".sys", ".modules", ".builtins", ".importlib", ".gc", ".inspect",
    "._getframe", "._current_frames", ".settrace", ".setprofile",
    ".currentframe", ".walk_stack", ".walk_tb", ".tb_frame", ".gi_frame",
    ".cr_frame", ".ag_frame", ".f_back", ".f_locals", ".f_globals",
    ".f_builtins"}
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
    if _is_roundabout(name):
        return "That is a way round the rules, which an answer does not need."
    if _within(name, options.but_not) or root == "np" and (
            "np." + name.split(".")[-1] in options.but_not):
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


def _is_roundabout(name):
    """Frames, modules by way of others, private parts of the modules."""
    root, *parts = name.split(".")
    if root == "np" and (parts[:1] == ["core"] or any(
            p[0] == "_" and p != "__version__" for p in parts)):
        return True
    if root in sys.stdlib_module_names and root[0] == "_":
        return root != "__future__"
    return (_within(name, ROUNDABOUT) or name in ROUNDABOUT_BUILTINS
            or bool(parts) and "." + parts[-1] in ROUNDABOUT_ATTRIBUTES)


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
        if chain != ["self", "__dict__"]:
            yield node.attr if node.attr.startswith("__") else "." + node.attr
        node.value.dotted = True  # walk comes to it after its parent
    elif isinstance(node, ast.MatchClass):  # case module(name=...)
        yield from ("." + name for name in node.kwd_attrs)
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

    __slots__ = "_ask",

    def __init__(self, module, name, options):
        def ask(attribute):
            full = f"{name}.{attribute}"
            words = objection(full, options)
            value = None if _within(full, OURS) else getattr(module, attribute)
            if words and isinstance(value, types.ModuleType):
                return Library(value, full, options)
            if words:
                raise Refused(full, f"The answer uses {full}. {words}")
            return value
        self._ask = ask

    def __getattr__(self, attribute):
        return self._ask(attribute)


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

    def asked(x, name, *default):
        """getattr: what may not be written may not be computed, either."""
        full = f".{name}"
        if isinstance(x, types.ModuleType):
            full = f"{_canonical(x.__name__)}.{name}"
        for what in (full, f".{name}", *[name] * name.startswith("__")):
            words = objection(what, options)
            if words:
                raise Refused(what, f"The answer uses {name}. {words}")
        return getattr(x, name, *default)

    def own(*x):
        """vars: of what is no module and no class."""
        if x and not isinstance(x[0], (types.ModuleType, type)):
            return vars(*x)
        raise Refused("vars", "The answer uses vars. That is a way round the"
                      " rules, which an answer does not need.")

    allowed = {**vars(builtins), "__import__": importer, "getattr": asked,
               "vars": own, "display": print}   # as in a notebook
    return {"__name__": "__answer__", "np": np, "tg": tg,
            "__builtins__": allowed}
