"""A real browser, for tests and measurements of what a reader sees.

The browser is one that the machine has, driven by Playwright; none is ever downloaded. It reaches this machine alone.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # the network is cut: no name leads anywhere
    "--no-first-run",
    "--no-proxy-server",
)
THEMES = ("light", "dark")
_HERE = re.compile(r"(?:https?|wss?)://127\.0\.0\.1(?::\d+)?/|(?:file|data|blob|about):")
# the style sheets are not fetched a second time, which a page opened as a file may not do
_OPTIONS = {"resultTypes": ["violations"], "preload": False}
_BLOCKING = ("serious", "critical")


def executable() -> str | None:
    """Return the path of a browser on this machine; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def missing() -> str | None:
    """Say in a line what a browser test lacks here; None where nothing is missing."""
    if executable() is None:
        return f"there is no browser here: install {NAMES[0]}, or any of {', '.join(NAMES[1:])}"
    absent = [name for name in ("playwright", "axe_playwright_python") if importlib.util.find_spec(name) is None]
    if absent:
        return f"{absent[0]} is not installed: pip install -c constraints.txt -e '.[browser]'"
    return None


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Start this machine's browser, without a window, and end it afterwards."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable(), args=list(FLAGS))
        try:
            yield started
        finally:
            started.close()


@dataclass
class Watch:
    """What the pages of a browser context asked for, and what they complained of.

    Attributes
    ----------
    external : list of str
        Addresses beyond this machine that were asked for, whether or not anything answered.
    failed : list of str
        Requests that were refused, broken off or answered with an error, each with the reason.
    errors : list of str
        Errors in the console, and exceptions that no script caught.
    """

    external: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext) -> Watch:
        """Begin to watch all pages of a context, those to come as well."""
        context.on("request", self._asked)
        context.on("requestfailed", lambda request: self.failed.append(f"{request.url[:200]}: {request.failure}"))
        context.on("response", self._answered)
        context.on("console", self._said)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        return self

    def _asked(self, request) -> None:
        if not _HERE.match(request.url):
            self.external.append(f"{urlsplit(request.frame.url).path} asks for {request.url[:200]}")

    def _answered(self, response) -> None:
        if response.status >= 400:
            self.failed.append(f"{response.url[:200]}: {response.status}")

    def _said(self, message) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text[:500]} ({message.location.get('url', '')[:200]})")

    @property
    def complaints(self) -> list[str]:
        """Return everything that should not have been."""
        return self.external + self.failed + self.errors


def barriers(page: Page, *, only_colors: bool = False) -> list[str]:
    """Return what axe-core calls a serious or critical violation on a page, each with its first places.

    Parameters
    ----------
    page : playwright.sync_api.Page
        What is open.
    only_colors : bool
        Look at nothing but the contrast of text.
    """
    page.evaluate(_axe())
    options = {**_OPTIONS, **({"runOnly": ["color-contrast"]} if only_colors else {})}
    found = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{one['id']} ({one['impact']}, {len(one['nodes'])}×): {one['help']}: "
        + "; ".join(f"{node['target'][0]} {_reasons(node)}" for node in one["nodes"][:3])
        for one in found["violations"]
        if one["impact"] in _BLOCKING
    ]


def _reasons(node: dict) -> str:
    return " ".join(node["failureSummary"].split())[:300]


@functools.cache
def _axe() -> str:
    """Return axe-core, as a script to put into a page."""
    from axe_playwright_python.base import AXE_SCRIPT

    return AXE_SCRIPT
