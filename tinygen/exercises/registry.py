"""Finding and loading exercises: the name of a check is the registry."""
import ast
import functools
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
CHAPTERS = HERE.parents[1] / "chapters"


@dataclass(frozen=True)
class Options:
    """What @exercise(...) says about one exercise."""
    section: str = ""
    may_use: tuple = ()
    but_not: tuple = ()
    dtype: bool = False
    mutates: bool = False
    takes: tuple = ()


@dataclass
class Exercise:
    """One exercise, loaded: the check, the solution, the wrong answers."""
    name: str
    chapter: str
    title: str
    options: Options
    check: callable
    solution: callable
    wrong: dict = field(default_factory=dict)  # mistake -> function
    wrong_source: str = ""
    solution_source: str = ""


def exercise(section, **options):
    """The decorator of a check; the package's docstring lists the options."""
    for key in ("may_use", "but_not", "takes"):
        if isinstance(options.get(key), str):
            raise TypeError(f"{key} is a tuple of names, not a string")
    options = Options(section, **options)

    def mark(check):
        check.options = options
        return check
    return mark


def registered(root=HERE):
    """name -> chapter ("04_1_gan"), in the book's order; reads, runs nothing.

    ValueError if two chapters use one name.
    """
    names = {}
    for path in sorted((Path(root) / "checks").glob("ch*.py")):
        chapter = path.stem[2:]
        for name, _ in _checks_in(path, path.stat().st_mtime_ns):
            if name in names:
                raise ValueError(f"two exercises are called {name}: in"
                                 f" {names[name]} and in {chapter}")
            names[name] = chapter
    return names


def takes(name, root=HERE):
    """The exercises whose functions the one called `name` is given."""
    path = Path(root) / "checks" / f"ch{registered(root)[name]}.py"
    return dict(_checks_in(path, path.stat().st_mtime_ns))[name]


@functools.cache
def _checks_in(path, changed):
    """[(name, what it takes)] of the checks in a file, as of its last change.
    """
    return [(node.name, [
        piece for call in node.decorator_list
        for option in getattr(call, "keywords", ()) if option.arg == "takes"
        for piece in ast.literal_eval(option.value)])
        for node in _functions(path.read_text(encoding="utf-8"))]


def function_names(source):
    """The names of the functions in a module that are not its own affair."""
    return [node.name for node in _functions(source)]


def _functions(source):
    return [node for node in ast.parse(source).body
            if isinstance(node, ast.FunctionDef)
            and not node.name.startswith("_")]


def load(name, root=HERE):
    """The exercise called `name`; KeyError if there is none.

    The modules stay out of sys.modules, where an answer could find them.
    """
    chapter = registered(root)[name]
    check, _ = _run(root, "checks", chapter)
    solution, solution_source = _run(root, "solutions", chapter)
    wrong, wrong_source = _run(root, "wrong", chapter)
    begin = name + "__"
    options = getattr(check[name], "options", Options())
    wrong.update({piece: solution[piece] for piece in options.takes})
    return Exercise(
        name, chapter, (check.get("__doc__") or chapter).strip(), options,
        check[name], solution.get(name),
        {key.removeprefix(begin): value for key, value in wrong.items()
         if key.startswith(begin)}, wrong_source, solution_source)


def _run(root, kind, chapter):
    path = Path(root) / kind / f"ch{chapter}.py"
    if not path.exists():
        return {}, ""
    source = path.read_text(encoding="utf-8")
    module = {"__name__": f"tinygen.exercises.{kind}.{path.stem}",
              "__file__": str(path)}
    # In brackets: a traceback or a warning does not open the file for its
    # lines, which a worker would take for a reader of the solutions
    exec(_compiled(source, f"<{path}>"), module)
    return module, source


@functools.lru_cache(200)  # a chapter is loaded once for each exercise
def _compiled(source, path):
    return compile(source, path, "exec")
