"""python -m tinygen.exercises copy | solutions [FILE]"""
import argparse
import os
import re
import sys
from pathlib import Path

from . import registry, workers


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m tinygen.exercises",
        description="Exercise notebooks to work in, and their solutions.")
    commands = parser.add_subparsers(dest="command", required=True,
                                     metavar="copy | solutions")
    commands.add_parser(
        "copy", help="copy the exercise notebooks to answers/; what is"
        " there already is kept")
    page = commands.add_parser(
        "solutions", help="write the page of solutions for the book")
    page.add_argument("file", nargs="?", type=Path,
                      default=registry.CHAPTERS / "solutions.md")
    commands.add_parser("serve")  # runner.py talks to these two
    commands.add_parser("work")
    given = parser.parse_args(arguments)
    if given.command == "copy":
        return copy()
    if given.command == "solutions":
        from .appendix import page
        if not given.file.parent.is_dir():
            sys.exit(f"There is no folder {given.file.parent}: name a FILE "
                     "to write the solutions to.")
        given.file.write_text(page(), encoding="utf-8")
        return print(f"Wrote {given.file}")
    return getattr(workers, given.command)()


def copy(chapters=registry.CHAPTERS):
    """chapters/*_exercises.ipynb -> answers/, never overwriting."""
    answers = Path(chapters).parent / "answers"
    if not Path(chapters).is_dir():
        sys.exit(f"The exercises are not in the installed package: there is "
                 f"no {chapters}. Clone the repository, and run this there.")
    notebooks = sorted(Path(chapters).glob("*_exercises.ipynb"))
    if not notebooks:
        return print(f"There are no exercises in {chapters} yet.")
    try:
        answers.mkdir(exist_ok=True)
    except OSError as error:
        sys.exit(f"{answers} cannot be made: {error.strerror}.")
    done = []   # said at the end: | head stops none of it
    for source in notebooks:
        target = answers / source.name
        if target.exists():
            done.append(f"kept    answers/{source.name}: it is yours")
        else:
            try:
                target.write_text(moved(source.read_text(encoding="utf-8")),
                                  encoding="utf-8", newline="\n")
            except BaseException as error:  # a full disk, Ctrl-C
                if target.is_file():    # half of it is nobody's answers
                    target.unlink()
                if not isinstance(error, OSError):
                    raise
                sys.exit(f"{target} cannot be written: {error.strerror}.")
            done.append(f"copied  answers/{source.name}")
    python = os.path.relpath(sys.executable)
    print("\n".join(done) + f"\nOpen one:  {python} -m notebook answers"
          f"\nCheck all: {python} -m pytest tests/exercises")


def moved(notebook):
    """The notebook's text with its links to files beside it still right."""
    return re.sub(r"\]\((?=[\w.-]+\.(ipynb|md|png|svg)\b)",
                  "](../chapters/", notebook)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:     # what reads our output (| head) has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
