"""Finding the notebook that holds an answer, whatever the file is called."""
from pathlib import Path

from . import registry, runner
from .lifting import Lifted, Unreadable, notebook_cells, notebook_text
from .reports import WRONG, Report


class Notebooks:
    """The notebooks in a folder, or a single file."""

    def __init__(self, path):
        self.lifted, self.unreadable = {}, {}
        path = Path(path)
        pattern = "*.ipynb"
        if path == registry.CHAPTERS:  # where chapters have names of their own
            pattern = "*_exercises.ipynb"
        files = [path]
        if path.is_dir():
            files = sorted([*path.glob(pattern), *path.glob("*.py")])
        for file in files:
            try:
                self.lifted[file] = Lifted(notebook_cells(file))
            except Unreadable as error:
                self.unreadable[file] = str(error)

    def report(self, name, root=registry.HERE):
        """The Report on `name`, or None if no notebook here speaks of it.

        Of several copies an answered one is taken, the newest of these.
        """
        found = [file for file, lifted in self.lifted.items()
                 if lifted.makers(name) or lifted.mentions(name)]
        if not found:
            return self._from_unreadable(name, runner.chapter_of(name, root))
        file = max(found, key=lambda f: (self._answered(f, name),
                                         f.stat().st_mtime))
        report = runner.check_lifted(name, self.lifted[file], root)
        report.file = _short(file)
        if len(found) > 1:
            others = ", ".join(f.name for f in found if f != file)
            report.notes.append(f"{file.name} was checked; {name} is also in"
                                f" {others}.")
        return report

    def _answered(self, file, name):
        makers = self.lifted[file].makers(name)
        return bool(makers) and not self.lifted[file].is_stub(makers[-1])

    def _from_unreadable(self, name, chapter):
        for file, reason in self.unreadable.items():
            try:
                text = notebook_text(file)
            except Unreadable:
                text = ""
            if chapter in file.name or f"def {name}(" in text:
                return Report(name, chapter, WRONG, reason,
                              file=_short(file))
        return None


def _short(file):
    """The path from the current folder, if it is inside."""
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def report_on(name, folders, root=registry.HERE):
    """The Report from the first of these folders that speaks of `name`."""
    for notebooks in folders:
        report = notebooks.report(name, root)
        if report is not None:
            return report
    return Report(name, runner.chapter_of(name, root),
                  message=f"No notebook defines a function {name}.")


def places(given=None):
    """Where answers are looked for: `given`, or answers/ then chapters/."""
    if given:
        return [Notebooks(given)]
    answers = registry.CHAPTERS.parent / "answers"
    return [Notebooks(folder) for folder in (answers, registry.CHAPTERS)
            if folder.is_dir()]
