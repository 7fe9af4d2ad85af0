"""What a reader is told: one report an exercise, and the table of all."""
import csv
import textwrap
from dataclasses import dataclass, field

from tinygen.files import replacing

SOLVED, WRONG, OPEN = "solved", "wrong", "not answered yet"
WIDTH = 76


@dataclass
class Report:
    """The outcome of checking one answer, as words.

    mistake names the wrong answer whose hint is given, for teachers and
    for tests; the reader sees the hint.
    """
    name: str
    chapter: str = ""
    verdict: str = OPEN
    message: str = ""
    called: str = ""
    expected: str = ""
    because: str = ""
    got: str = ""
    hint: str = ""
    mistake: str = ""
    section: str = ""
    printed: str = ""
    file: str = ""
    seconds: float = 0.
    notes: list = field(default_factory=list)

    def __str__(self):
        lines = [f"{self.name}: {self.verdict}"
                 + f" ({self.file})" * bool(self.file)]
        if self.verdict == WRONG:
            lines += self._facts()
        elif self.message:
            lines += _wrapped(self.message)
        for note in self.notes:
            lines += _wrapped("Note: " + note)
        return "\n".join(lines)

    def _facts(self):
        lines = []
        for label in ("called", "expected", "got"):
            value = getattr(self, label)
            if value:
                lines.append(_beside(f"{label:10}", value))
                if label == "expected" and self.because:
                    lines += _wrapped(self.because, " " * 12)
        lines += _wrapped(self.message)
        if self.hint:
            lines += _wrapped("The likely mistake: " + self.hint)
        if self.section:
            lines += _wrapped("To reread: " + self.section)
        if self.printed:
            lines += ["  Your code printed:",
                      textwrap.indent(self.printed, "    ")]
        return lines


def _beside(label, value):
    """The label, and the value's lines aligned after it."""
    return textwrap.indent(value, " " * 12).replace(
        " " * 12, "  " + label, 1)


def _wrapped(text, indent="  "):
    """Paragraphs at WIDTH; lines that are indented (code) stay as they are."""
    lines = []
    for line in text.splitlines():
        lines += [line] if line.startswith("    ") else textwrap.wrap(
            line, WIDTH, initial_indent=indent, subsequent_indent=indent)
    return lines


def tidy(doc):
    """A docstring as one paragraph a blank line, and its `Section:` line."""
    section, lines = "", []
    for line in textwrap.dedent(doc or "").strip().splitlines():
        if line.strip().startswith("Section:"):
            section = line.strip().removeprefix("Section:").strip()
        else:
            lines.append(line.strip())
    paragraphs = "\n".join(lines).strip().split("\n\n")
    return "\n".join(" ".join(p.split()) for p in paragraphs), section


def table(reports):
    """Progress: for each chapter what is solved, wrong, and still open."""
    chapters = dict.fromkeys(r.chapter for r in reports)
    width = max([len("chapter"), *map(len, chapters)])
    lines = [f"{'chapter':{width}}  solved  wrong  open"]
    for chapter in [*chapters, None]:
        of = [r.verdict for r in reports if chapter in (None, r.chapter)]
        lines.append(f"{chapter or 'all':{width}}  {of.count(SOLVED):6}"
                     f"  {of.count(WRONG):5}  {of.count(OPEN):4}")
    return "\n".join(lines)


def write_csv(reports, path):
    """One line an exercise, for a spreadsheet (UTF-8 with a mark for it)."""
    columns = ("chapter", "name", "verdict", "mistake", "message", "section",
               "seconds", "file")
    with (replacing(path) as part,
          open(part, "w", newline="", encoding="utf-8-sig") as out):
        writer = csv.writer(out)
        writer.writerow(columns)
        for r in reports:
            row = [getattr(r, c) for c in columns]
            row[4] = " ".join(r.message.split())
            row[6] = f"{r.seconds:.2f}"
            writer.writerow(row)
