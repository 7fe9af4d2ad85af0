"""A tab of Chromium or Chrome: for the PDF, and for the tests of the pages."""

import shutil
from contextlib import contextmanager

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@contextmanager
def opened_tab(seconds):
    """A tab of a browser without a window, which waits so long for a page.

    FileNotFoundError: no browser on the PATH.
    """
    from playwright.sync_api import sync_playwright
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if not program:
        raise FileNotFoundError("no browser: none of "
                                f"{', '.join(PROGRAMS)} is on the PATH")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program)
        tab = browser.new_page()
        tab.set_default_timeout(1000 * seconds)
        yield tab
        browser.close()
