"""Writes chapters/api.md: every public name with its docstring.

    python book/api.py [FILE]

What tinygen exports stands under the file that defines it, in the order of
tinygen/__init__.py; then come the modules that a reader calls by name.
"""

import ast
import dataclasses
import inspect
import re
import sys
import textwrap
from pathlib import Path

import tinygen as tg

ROOT = Path(__file__).resolve().parent.parent
MODULES = ("losses", "models", "data", "training", "checkpoint", "metrics",
           "show", "export")
HEAD = """# The public names

Every name that `import tinygen as tg` brings, with the text that `help()`
shows in Python. The headings are the files in which they are defined; letters
such as N H W C are axes, as in [the notation](notation.md). A chapter explains
what a docstring only states: follow the search field from a name to it.
"""


def exported():
    """(module, [names]) of the imports of tinygen/__init__.py, in order."""
    tree = ast.parse((ROOT / "tinygen/__init__.py").read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            yield node.module, [name.name for name in node.names]
    lazy = {}
    for name, place in tg._LAZY.items():
        module, _, attribute = place.partition(":")
        if attribute:
            lazy.setdefault(module, []).append(name)
    yield from lazy.items()


def public(module):
    """The functions and classes that a module, or its folder, defines."""
    for name, value in vars(module).items():
        home = getattr(value, "__module__", "") or ""
        if (callable(value) and not name.startswith("_")
                and home.startswith(module.__name__)):
            yield name


def fields(settings):
    """The settings of a dataclass as they are written, with the reasons."""
    source = inspect.cleandoc(inspect.getsource(settings))
    return "\n".join(line.strip() if line.startswith("    ") else line
                     for line in source.splitlines()
                     if re.match(r"    \w+: \w+ = ", line))


def signature(called, value):
    """called(arguments), broken before 80 columns."""
    try:
        text = called + str(inspect.signature(value))
    except (TypeError, ValueError):
        return called
    return "\n".join(textwrap.wrap(text, 79, subsequent_indent="    ",
                                   break_long_words=False))


def entry(called, value):
    """The section of one name: its signature, then its docstring."""
    about = inspect.getdoc(value) or ""
    if dataclasses.is_dataclass(value):
        lines = [called, "", about, "", fields(value)]
    else:
        lines = [signature(called, value), "", about]
    if inspect.isclass(value):
        for name, method in vars(value).items():
            if (inspect.isfunction(method) and method.__doc__
                    and not name.startswith("_")):
                first = inspect.getdoc(method).splitlines()[0]
                lines += ["", signature(f".{name}", method), f"    {first}"]
    return "\n".join([f"### `{called}`", "", "```text", *lines, "```", ""])


def page():
    """The whole page, as Markdown."""
    parts, seen = [HEAD], set()
    for module, names in exported():
        seen |= {getattr(tg, name) for name in names}
        parts.append(f"## `{module.replace('.', '/')}.py`\n")
        parts += [entry(f"tg.{name}", getattr(tg, name)) for name in names]
    for short in MODULES:
        module = getattr(tg, short)
        parts.append(f"## `tg.{short}`\n\n"
                     + inspect.getdoc(module).splitlines()[0] + "\n")
        parts += [entry(f"tg.{short}.{name}", getattr(module, name))
                  for name in public(module)
                  if getattr(module, name) not in seen]
    return "\n".join(parts)


if __name__ == "__main__":
    target = Path(sys.argv[1] if sys.argv[1:] else ROOT / "chapters/api.md")
    target.write_text(page(), encoding="utf-8")
    print(f"Wrote {target}")
