"""Checks the reader's answers: `make check`, or `pytest tests/exercises`.

Wrong answers fail, open exercises are skipped. --answers PATH says where to
look (default: answers/, then chapters/), -k NAME picks exercises.
"""
import pytest

from tinygen.exercises import finding, registry, reports


@pytest.mark.parametrize("name", registry.registered())
def test_answer(name, notebooks, record):
    report = finding.report_on(name, notebooks)
    record(report)
    if report.verdict == reports.OPEN:
        pytest.skip(report.verdict)
    if report.verdict == reports.WRONG:
        pytest.fail(str(report), pytrace=False)
