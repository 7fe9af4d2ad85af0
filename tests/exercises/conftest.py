"""--answers PATH, --csv PATH, and the table of progress at the end."""
from pathlib import Path

import pytest

from tinygen.exercises import reports

REPORTS = pytest.StashKey[list]()


def pytest_addoption(parser):
    group = parser.getgroup("exercises")
    group.addoption("--answers", metavar="PATH", help="the notebook or folder"
                    " with the answers (default: answers/, then chapters/)")
    group.addoption("--csv", metavar="PATH", help="write the results as a"
                    " table for a spreadsheet")


def pytest_configure(config):
    config.stash[REPORTS] = []
    given = config.getoption("--answers", None)
    if given and not Path(given).exists():
        raise pytest.UsageError(f"--answers {given}: there is no such file"
                                " or folder")


@pytest.fixture
def record(pytestconfig):
    """Takes a report for the table."""
    return pytestconfig.stash[REPORTS].append


def pytest_terminal_summary(terminalreporter, config):
    done = config.stash.get(REPORTS, [])
    if not done:
        return
    terminalreporter.section("exercises")
    for report in done:
        if report.verdict != reports.WRONG and report.notes:
            terminalreporter.write_line(str(report))
    terminalreporter.write_line(reports.table(done))
    path = config.getoption("--csv", None)
    if path:
        reports.write_csv(done, path)
        terminalreporter.write_line(f"written to {path}")
