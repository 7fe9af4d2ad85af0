"""The page of solutions, from the solutions and the wrong answers."""
import ast

from . import registry
from .lifting import Cell, Lifted
from .reports import tidy

INTRODUCTION = """\
# Solutions

Each exercise has more than one good answer; these are ours, with the
mistakes that are made most easily. Have yours checked first: a mistake found
is worth more than a solution read.
"""


def page(root=registry.HERE):
    """The page as MyST Markdown; the same input gives the same bytes."""
    parts, chapter = [INTRODUCTION], None
    for name in registry.registered(root):
        exercise = registry.load(name, root)
        if exercise.chapter != chapter:
            chapter = exercise.chapter
            parts.append(f"## {exercise.title}\n")
        parts.append(_entry(exercise))
    return "\n".join(parts)


def _entry(exercise):
    mistakes = []
    for wrong in exercise.wrong.values():
        hint, _ = tidy(wrong.__doc__)
        mistakes.append("- " + hint.replace("\n", "\n\n  "))
    # Four backticks, because a fence of three is inside
    return "\n".join([
        f"### `{exercise.name}`\n",
        f"Section to reread: {exercise.options.section}\n",
        "````{dropdown} A solution", "```python",
        source(exercise), "```", "````\n",
        "````{dropdown} Common mistakes", *mistakes, "````\n"])


def source(exercise):
    """The text of the solution, after the helpers it needs."""
    module, shown = exercise.solution_source, []
    lines, lifted = module.splitlines(), Lifted([Cell("", module)])
    for _, _, wanted in lifted.pieces(exercise.name, exercise.options.takes):
        body = ast.parse(module).body
        for index in wanted:
            node = body[index]
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                continue
            first = min([node.lineno, *(d.lineno for d in getattr(
                node, "decorator_list", []))])
            shown.append("\n".join(lines[first - 1:node.end_lineno]))
    return "\n\n\n".join(shown)
