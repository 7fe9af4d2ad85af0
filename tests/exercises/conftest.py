"""--answers PATH, --csv PATH, and the table of progress at the end."""
import sys
from pathlib import Path

import pytest

from tinygen.exercises import finding, reports

REPORTS = pytest.StashKey[list]()
UNREADABLE = pytest.StashKey[list]()


def pytest_addoption(parser):
    group = parser.getgroup("exercises")
    group.addoption("--answers", metavar="PATH", help="the notebook or folder"
                    " with the answers (default: answers/, then chapters/)")
    group.addoption("--csv", metavar="PATH", help="write the results as a"
                    " table for a spreadsheet")
    _refuse_conftests(sys.argv)


def _refuse_conftests(arguments):
    """pytest takes the folder for one of tests and would run a conftest.py
    there, or above it, in this process."""
    if "--answers" not in arguments[:-1]:
        return
    path = Path(arguments[arguments.index("--answers") + 1]).resolve()
    ours = Path(__file__).resolve().parents
    for folder in (path, *path.parents, *path.glob("test*")):
        if folder not in ours and (folder / "conftest.py").exists():
            raise pytest.UsageError(
                f"{folder / 'conftest.py'} would be run by pytest, unchecked:"
                f" delete it, or write --answers={path}")


def pytest_configure(config):
    config.stash[REPORTS], config.stash[UNREADABLE] = [], []
    given = config.getoption("--answers", None)
    if given and not Path(given).exists():
        raise pytest.UsageError(f"--answers {given}: there is no such file"
                                " or folder")


@pytest.fixture(scope="session")
def notebooks(pytestconfig):
    """Where the answers are: a finding.Notebooks for each folder."""
    found = finding.places(pytestconfig.getoption("--answers", None))
    for folder in found:
        pytestconfig.stash[UNREADABLE] += folder.unreadable.values()
    return found


@pytest.fixture
def record(pytestconfig):
    """Takes a report for the table."""
    return pytestconfig.stash[REPORTS].append


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter, config):
    result = yield  # the table comes after pytest's own summary
    done = config.stash.get(REPORTS, [])
    if done:
        _write_summary(terminalreporter, config, done)
    return result


def _write_summary(terminal, config, done):
    terminal.section("exercises")
    for report in done:
        if report.verdict != reports.WRONG and report.notes:
            terminal.write_line(str(report))
    for reason in config.stash[UNREADABLE]:
        terminal.write_line(reason)
    terminal.write_line(reports.table(done))
    path = config.getoption("--csv", None)
    if path:
        try:
            reports.write_csv(done, path)
            terminal.write_line(f"written to {path}")
        except OSError as error:
            terminal.write_line(f"--csv: {error}")
