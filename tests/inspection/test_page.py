"""The page, in headless Chromium: its numbers are those of the view, and it needs nothing else."""

from __future__ import annotations

import re
import time

import pytest
import torch
from torch import nn

import ostinato
from ostinato.inspection.page import LARGEST, build_page
from ostinato.inspection.panels import ColouredText, Heatmap, Table
from ostinato.inspection.view import View


@pytest.fixture
def show(browser, tmp_path):
    """show(views, width, scheme) -> the page, opened from disk; it fails on errors and requests."""
    problems, pages = [], []

    def open_page(views, width=1280, scheme="light"):
        path = tmp_path / f"page{len(pages)}.html"
        path.write_text(build_page(views), encoding="utf-8")
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        pages.append(page)
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith("file:") else problems.append(request.url)
            ),
        )
        page.goto(path.as_uri())
        page.wait_for_function("document.documentElement.dataset.ready === 'true'")
        return page

    yield open_page
    for page in pages:
        page.close()
    assert not problems


@pytest.fixture(scope="module")
def views():
    torch.manual_seed(0)
    lstm, x = nn.LSTM(3, 4, batch_first=True), torch.randn(1, 6, 3)
    names = ("unrolled", "gates", "neurons", "gradients", "lags", "parameters")
    labels = ["the", "cat", "</script><script>alert(1)</script>", "sat", "«é»", "."]
    return [ostinato.inspect(lstm, x, name, labels=labels) for name in names]


def number_in(text):
    return float(re.search(r": (-?[\d.e+-]+)$", text)[1])


def test_every_cell_of_a_heatmap_reads_as_the_gate_is(show, views):
    page = show([views[1]])
    forget = views[1].data["layers"][0]["values"]["forget"]
    frame = page.locator("[data-kind=heatmap] .heat").nth(1)
    readout = page.locator("[data-kind=heatmap] output").nth(1)
    frame.focus()
    page.keyboard.press("ArrowRight")
    for unit in range(4):
        for step in range(6):
            shown = readout.inner_text()
            assert shown.startswith(f"unit {unit}, step {step + 1} ")
            assert number_in(shown) == pytest.approx(forget[step, unit], abs=1e-6)
            page.keyboard.press("ArrowRight")
        page.keyboard.press("Home")
        page.keyboard.press("ArrowDown")


def test_tables_and_lines_show_the_numbers_of_the_view(show, views):
    page = show([views[3]])
    layer = views[3].data["layers"][0]
    rows = page.locator("[data-kind=table] tbody tr").all()
    assert rows
    for row in rows:
        cells = row.locator("td").all_inner_texts()
        k = int(cells[1])
        assert float(cells[3]) == pytest.approx(layer["jacobian_norm"][k], rel=1e-6, abs=1e-6)
        assert float(cells[4]) == pytest.approx(layer["singular_values"][k][0], rel=1e-6, abs=1e-6)
    chart = page.locator("[data-kind=lines]").first
    values = layer["loss_gradient"]["hidden"]
    chart.locator("summary").click()
    chart.locator("tbody tr").nth(len(values) - 1).wait_for()  # rows are made when it opens
    table = chart.locator("tbody tr").all()
    for row, value in zip(table, values, strict=True):
        shown = float(row.locator("td").nth(1).inner_text())
        assert shown == pytest.approx(value, rel=1e-6, abs=1e-6)


def test_text_is_text(show, views):
    page = show([views[2]])
    tokens = page.locator("[data-kind=text] .tokens span").all_inner_texts()
    assert "</script><script>alert(1)</script>" in tokens
    page.locator("[data-kind=text] .tokens").focus()
    page.keyboard.press("ArrowRight")
    shown = page.locator("[data-kind=text] output").inner_text()
    assert number_in(shown.replace("state ", ": ")) == pytest.approx(
        views[2].data["values"][0], abs=1e-6
    )


CONTRAST = """() => {
  const part = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * part(r) + .7152 * part(g) + .0722 * part(b);
  const parts = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const colour = parts(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  let worst = [99, ""];
  const texts = "h1,h2,h3,p,li,td,th,a,button,summary,output,footer,.legend span,.tokens span";
  for (const e of document.querySelectorAll(texts)) {
    if (!e.textContent.trim() || !e.offsetParent) continue;
    const both = [light(parts(getComputedStyle(e).color)), light(ground(e))];
    const ratio = (Math.max(...both) + .05) / (Math.min(...both) + .05);
    if (ratio < worst[0]) worst = [ratio, e.tagName + " " + e.textContent.slice(0, 30)];
  }
  return worst;
}"""


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_width_contrast_and_labels(show, views, width, scheme):
    page = show(views, width, scheme)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    ratio, where = page.evaluate(CONTRAST)
    assert ratio >= 4.5, where
    unnamed = page.evaluate(
        "[...document.querySelectorAll('[tabindex=\"0\"]')].filter(e => !e.ariaLabel).length"
    )
    assert unnamed == 0
    page.locator("#theme").click()
    ratio, where = page.evaluate(CONTRAST)
    assert ratio >= 4.5, where


def make_heatmap(units, steps, scale="fraction"):
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(units, steps, generator=generator, dtype=torch.float64).numpy()
    return Heatmap("gate", values, [*map(str, range(units))], ["a"] * steps, scale=scale)


@pytest.mark.parametrize(("units", "steps"), [(512, 1000), (128, 5000), (2000, 5000)])
def test_large_heatmaps_fit_into_a_page_and_load(show, units, steps):
    heatmap = make_heatmap(units, steps)
    view = View("gates", "Gates", {}, [heatmap])
    assert len(view.page().encode()) <= LARGEST
    started = time.perf_counter()
    page = show([view])
    assert time.perf_counter() - started < 30  # under a second on an idle machine
    frame = page.locator(".heat")
    assert page.evaluate("document.querySelector('.heat > div').clientWidth") >= 4 * steps
    frames = page.evaluate(
        """async () => {
          const heat = document.querySelector('.heat'), start = performance.now();
          for (let drawn = 0; drawn < 30; drawn++) {
            heat.scrollLeft += 120;
            await new Promise(requestAnimationFrame);
          }
          return (performance.now() - start) / 30;
        }"""
    )
    assert frames < 200  # milliseconds a frame; 17 on an idle machine
    frame.focus()
    page.keyboard.press("End")
    assert "8 bits here; exact in .json" in page.locator("output").inner_text()


def test_an_empty_and_a_constant_panel(show):
    panels = [
        Table("none", ["a"], []),
        ColouredText("text", ["a", "b"], [0.0, 0.0]),
        make_heatmap(1, 1),
    ]
    page = show([View("x", "X", {}, panels)])
    assert page.locator(".panel").count() == 3
