"""The built site, in headless Chromium, opened from disk: no error, no request, equations shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# mkdocs reads every page and all docstrings: minutes on a busy machine
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
# a page, and the fewest equations that it has
PAGES = {"index.html": 0, "lecture/08-lstm.html": 10, "reference/cells.html": 0}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built without running the lecture's code."""
    pytest.importorskip("mkdocs", reason="mkdocs is missing: pip install -e '.[test]'")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "CELLS": "none"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return folder


# MathML that is drawn has a height; text that is still TeX has dollars or backslashes
EQUATIONS = """() => [...document.querySelectorAll("math")].map(e => {
  const box = e.getBoundingClientRect();
  return [e.getAttribute("alttext"), box.width, box.height];
})"""


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_site_opens_from_disk(site, browser, name, width):
    problems = []
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.on("console", lambda message: problems.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("file:", "data:", "blob:"))
            else problems.append(request.url)
        ),
    )
    page.on("requestfailed", lambda request: problems.append(f"failed: {request.url}"))
    page.goto((site / name).as_uri())
    page.wait_for_load_state("networkidle")
    assert page.locator("h1").first.is_visible()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    equations = page.evaluate(EQUATIONS)
    assert len(equations) >= PAGES[name]
    assert all(w > 0 and h > 0 for _, w, h in equations), equations
    assert page.locator(".arithmatex").count() == 0
    broken = page.evaluate(
        "[...document.images].filter(e => e.complete && !e.naturalWidth).map(e => e.src)"
    )
    page.close()
    assert not broken
    assert not problems
