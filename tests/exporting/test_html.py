"""The exported HTML file in a browser, offline: its predictions are Python's."""

from __future__ import annotations

import pytest

from ostinato.commands.export import export
from ostinato.exporting.html_format import fill
from ostinato.exporting.small_weights import with_small_weights

TEXTS = [
    "a great and moving film",
    "it's dull , but l'homme don't miss it!",
    "",
    "Ünlikely: 3,5 ...",
]


@pytest.fixture
def open_page(browser, tmp_path):
    """A model -> its page, opened without a network; no error may appear on it."""
    context = browser.new_context(offline=True)
    errors: list[str] = []

    def open_(model):
        output = tmp_path / "model.html"
        export(model, format="html", output=str(output), tolerance=1.0)
        assert output.stat().st_size < 3_000_000
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "request",
            lambda request: (
                errors.append(request.url) if not request.url.startswith("file:") else None
            ),
        )
        page.goto(output.as_uri())
        model.networks[0] = with_small_weights(model.networks[0])
        return page

    yield open_
    context.close()
    assert errors == []


def reload(model):
    import ostinato

    return ostinato.load(model.folder)


@pytest.mark.parametrize("name", ["characters", "words"])
def test_a_thousand_steps_of_a_language_model(name, exportable, open_page):
    model = reload(exportable(name))
    page = open_page(model)
    text = "What is the matter with you, my good lord? The king shall live.\n" * 20
    pieces = list(text[:1000])
    if name == "words":
        pieces = [f" {word}" for word in text.replace("\n", " ").split()][:200]
    found = page.evaluate(
        """pieces => {
            let state = model.start(), answer;
            return pieces.map(piece => {
                [answer, state] = model.feed(piece, state);
                return answer.next.map(each => [each.text, each.probability]);
            });
        }""",
        pieces,
    )
    stream = model.stream()
    for piece, answer in zip(pieces, found, strict=True):
        wanted = stream.feed(piece).next
        assert [share for _, share in answer] == pytest.approx([p for _, p in wanted], abs=1e-5)
        if wanted[0][1] - wanted[1][1] > 1e-5:  # no tie
            assert answer[0][0] == wanted[0][0]


def test_typing_shows_what_comes_next(exportable, open_page):
    model = reload(exportable("characters"))
    page = open_page(model)
    page.fill("#input", "what is the ")
    page.wait_for_timeout(300)
    assert page.locator("#shares tr").count() == 5
    page.click("#generate")
    assert len(page.input_value("#input")) > 150
    page.fill("#input", "<img src=x onerror=alert(1)>")
    page.wait_for_timeout(300)
    assert page.locator("img").count() == 0


def test_labels_in_the_browser(exportable, open_page):
    for name in ("text", "series", "bases"):
        model = reload(exportable(name))
        page = open_page(model)
        page.set_viewport_size({"width": 400, "height": 800})
        page.fill("#input", "a film" if name == "text" else "ACGT")
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        inputs = {"series": [[[0.5, 1.0], [2.0, 3.0]]], "bases": ["ACGTN"]}.get(name, TEXTS)
        for value in inputs:
            found = page.evaluate("value => model.predict(value)", value)
            [wanted] = model.without_baseline("export").predictions([value])
            assert found["probabilities"] == pytest.approx(
                wanted.details["probabilities"], abs=1e-5
            )


def test_tags_in_the_browser(exportable, open_page):
    model = reload(exportable("tags"))
    page = open_page(model)
    sentence = "The dog , runs 42 times unbelievably"
    assert page.evaluate("value => model.predict(value).tags", sentence) == list(
        model.predictions([sentence])[0].tags
    )
    page.fill("#input", sentence)
    page.wait_for_timeout(300)
    assert page.inner_text("#answer").startswith("The/")


def test_nothing_in_the_vocabulary_ends_the_page():
    assert fill("<@A@><@B@>", {"@A@": "@B@", "@B@": "b"}) == "<@B@><b>"
