"""Lifting an answer, with all it needs, out of a notebook's cells.

Kept are top-level imports, functions, classes and assignments; of these only
what the answer leads to is run. So helpers and constants come along from
anywhere, and a training in another cell is not run again.
"""
import ast
import builtins
import functools
import json
import re
import symtable
import sys
import textwrap
import warnings
from dataclasses import dataclass
from pathlib import Path

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)
IMPORTS = (ast.Import, ast.ImportFrom)
MAGIC = re.compile(r"[%!?]|[\w., ]+=\s*[%!]|.*\?$")
CONFLICTED = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)
CONFLICT = ("It holds git's conflict markers (<<<<<<<): keep one of the two"
            " versions, and delete the markers.")
PYTHON_CELL = re.compile(r"%%(time|timeit|capture|prun)\b")
# Beyond these a file takes minutes, or all the memory, and may be made to
BYTES, VALUES, CELLS = 1 << 27, 10**7, 10**4
CHARACTERS, MAGICS = 300_000, 20    # of code in all; in a cell


class Unreadable(Exception):
    """A file that is no notebook; the message says why."""


@dataclass(frozen=True)
class Cell:
    """A cell's source and what to call it in messages."""
    label: str
    source: str
    is_code: bool = True


@dataclass(frozen=True)
class Statement:
    """A top-level statement: the names it makes or changes, and uses."""
    cell: int
    index: int
    node: ast.stmt
    makes: frozenset
    changes: frozenset
    uses: frozenset


def notebook_cells(path):
    """The cells of a notebook; a .py file is one cell.

    Any encoding that JSON allows is read, a byte-order mark is skipped.
    """
    path = Path(path)
    text = notebook_text(path)
    try:
        cells = ([Cell(path.name, text)] if path.suffix == ".py"
                 else _cells(json.loads(text)))
        size = sum(len(cell.source) for cell in cells if cell.is_code)
        if size > CHARACTERS or len(cells) > CELLS:
            raise Unreadable(f"{path} is too large ({size:,} characters of"
                             f" code in {len(cells):,} cells): keep only the"
                             " cells of the exercises.")
        return cells
    except ValueError as error:
        raise Unreadable(
            f"{path} is not a notebook, because it is not JSON: {error}. "
            + (CONFLICT if CONFLICTED.search(text) else "Open it in Jupyter"
               " and save it again, or copy the original once more.")
        ) from None
    except (KeyError, TypeError, AttributeError, RecursionError):
        raise Unreadable(f"{path} is JSON, but not a notebook: it has no"
                         " list of cells.") from None


def notebook_text(path):
    """The text of a notebook or script; Unreadable if it is no file."""
    if path.exists() and not path.is_file():
        raise Unreadable(f"{path} is not a notebook, because it is no file.")
    try:
        with open(path, "rb") as file:
            data = file.read(BYTES + 1)
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > BYTES or data.count(b",") > VALUES:
        why = (f"more than {BYTES >> 20} MB" if len(data) > BYTES
               else "too many values")
        raise Unreadable(f"{path} is too large ({why}): clear its outputs in"
                         " Jupyter and save it again.")
    return data.decode(json.detect_encoding(data), "replace")


def _cells(book):
    """The cells that can be read; KeyError if there are none at all.

    Before 2015 cells stood in worksheets, and their source was an input.
    """
    if "worksheets" in book:
        raw = [cell for sheet in book["worksheets"] for cell in sheet["cells"]]
    else:
        raw = list(book["cells"])
    cells, number = [], 0
    for cell in raw:
        try:
            is_code = cell["cell_type"] == "code"
            source = cell.get("input", "") if "source" not in cell and (
                "worksheets" in book) else cell["source"]
            source = source if isinstance(source, str) else "".join(source)
        except (KeyError, TypeError, AttributeError):
            continue  # the others are still checked
        number += is_code
        cells.append(Cell(f"code cell {number}" if is_code else "a text cell",
                          source, is_code))
    if raw and not cells:
        raise KeyError("source")
    return cells


def history_cells():
    """What has been run in this notebook, in that order."""
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    if not shell:
        raise RuntimeError("check() reads the cells of a notebook, and this"
                           " is not one: use `make check` instead")
    return [Cell(f"In [{i}]", source) for i, source
            in enumerate(shell.user_ns["In"]) if i]


class Lifted:
    """The statements of a notebook that can be lifted.

    broken is a list of (cell, SyntaxError): these cells are left out.
    """

    def __init__(self, cells):
        self.cells, self.broken, self.statements = list(cells), [], []
        for i, cell in enumerate(self.cells):
            if not cell.is_code:
                continue
            try:
                source, found = _statements(cell.source)
            except SyntaxError as error:
                self.broken.append((cell, error))
                continue
            self.cells[i] = Cell(cell.label, source or cell.source)
            self.statements += [Statement(i, *facts) for facts in found]

    def makers(self, name):
        """The statements that bind `name`; the last one counts."""
        return [s for s in self.statements if name in s.makes]

    def mentions(self, name):
        """The cells whose text defines `name`, whether they work or not."""
        pattern = re.compile(rf"^[ \t]*def\s+{name}\b", re.MULTILINE)
        return [cell for cell in self.cells if pattern.search(cell.source)]

    def where(self, statement):
        return self.cells[statement.cell].label

    def is_stub(self, statement):
        """Whether the body is only a docstring and NotImplementedError."""
        if not isinstance(statement.node, DEFINITIONS):
            return False
        return all(_says_nothing(node) for node in statement.node.body)

    def pieces(self, name, given=()):
        """[(label, source, [statement, ...])]: what `name` needs, in order.

        Each statement is its index in the body of the source's module. The
        names in `given` come from elsewhere.
        """
        wanted, needed = self._reached(name, given)
        known = set(dir(builtins)).union(
            {"np", "tg"}, given, *(s.makes for s in wanted))
        if needed - known:  # only then may a star import matter
            kept = set(map(id, wanted))
            wanted = [s for s in self.statements
                      if id(s) in kept or "*" in s.makes]
        return self._by_cell(wanted)

    def leads_to(self, name, other):
        """Whether `name`, or what it needs, uses `other`."""
        return other in self._reached(name)[1]

    def _reached(self, name, given=()):
        """(statements, names) that `name` needs, itself included."""
        binding, dead = {}, self._overwritten()
        for s in self.statements:
            for made in s.makes | s.changes if id(s) not in dead else ():
                binding.setdefault(made, []).append(s)
        needed, new, wanted = {name}, [name], set()
        while new:
            for s in binding.pop(new.pop(), ()):
                wanted.add(id(s))
                new += s.uses - needed.union(given)
                needed |= s.uses.difference(given)
        return [s for s in self.statements if id(s) in wanted], needed

    def _overwritten(self):
        """Functions and classes that a later one of the same name replaces."""
        last, dead = {}, set()
        for s in self.statements:
            if isinstance(s.node, DEFINITIONS):
                if s.node.name in last:
                    dead.add(id(last[s.node.name]))
                last[s.node.name] = s
        return dead

    def _by_cell(self, statements):
        pieces = []
        for s in statements:
            label, source = self.cells[s.cell].label, self.cells[s.cell].source
            if not pieces or pieces[-1][:2] != (label, source):
                pieces.append((label, source, []))
            pieces[-1][2].append(s.index)
        return pieces


@functools.lru_cache(1000)  # a notebook is read once for each exercise
def _statements(source):
    """(source without magics, the facts of each statement to be kept)."""
    source, tree = parse(source)
    kept = DEFINITIONS + ASSIGNMENTS + IMPORTS
    try:
        return source, [_facts(index, node) for index, node
                        in enumerate(tree.body) if isinstance(node, kept)]
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error) or "nested too deeply") from None


def parse(source):
    """(source, tree) without IPython's magics; SyntaxError if that fails.

    Only lines that Python does not accept are taken for magics, so that a
    docstring or a continued line may begin with a percent sign.
    """
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    if source[:1] in " \t":     # pasted; IPython does the same
        source = textwrap.dedent(source)
    first = source.lstrip().split("\n", 1)[0]
    if first.startswith("%%"):
        source = source.replace(first, "", 1)
        if not PYTHON_CELL.match(first):
            source = ""  # another language: %%bash, %%html
    lines, magics = source.split("\n"), 0
    while True:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return "\n".join(lines), ast.parse("\n".join(lines))
        except (ValueError, RecursionError, MemoryError) as error:
            raise SyntaxError("nested too deeply" if not isinstance(
                error, ValueError) else str(error)) from None
        except SyntaxError as error:
            at = (error.lineno or 0) - 1
            line = lines[at] if 0 <= at < len(lines) else ""
            if CONFLICTED.match(line):
                error.msg = CONFLICT.removesuffix(".")
            magics += 1
            if not MAGIC.match(line.strip()) or magics > MAGICS:
                raise
            end = at    # of what may be continued: !pip install \
            while end < len(lines) - 1 and lines[end].endswith("\\"):
                end += 1
            lines[at + 1:end + 1] = [""] * (end - at)
            # `pass`, so that an indented block does not become empty
            lines[at] = line[:len(line) - len(line.lstrip())] + "pass"


def _facts(index, node):
    """The fields of a Statement after its cell."""
    table = symtable.symtable(ast.unparse(node), "<cell>", "exec")
    top = table.get_symbols()
    makes = {s.get_name() for s in top if s.is_assigned() or s.is_imported()
             or s.is_namespace()}
    if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
        makes.add("*")
    uses = {s.get_name() for s in top if s.is_referenced()}
    uses |= set(_globals_used(table))
    changes = {_base(target) for target in _targets(node)} - {None}
    return (index, node, frozenset(makes), frozenset(changes),
            frozenset(uses))


def _globals_used(table):
    for inner in table.get_children():
        for symbol in inner.get_symbols():
            if symbol.is_global() and symbol.is_referenced():
                yield symbol.get_name()
        yield from _globals_used(inner)


def _targets(node):
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ASSIGNMENTS) else []


def _base(target):
    """f in `f.rules = ...` and `f[0] = ...`; None for a plain name."""
    if isinstance(target, ast.Name):
        return None
    while isinstance(target, (ast.Attribute, ast.Subscript)):
        target = target.value
    return target.id if isinstance(target, ast.Name) else None


def _says_nothing(node):
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Raise) and node.exc is not None:
        error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return isinstance(error, ast.Name) and (
            error.id == "NotImplementedError")
    return isinstance(node, ast.Pass)
