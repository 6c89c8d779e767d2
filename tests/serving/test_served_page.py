"""The page at /, in headless Chromium, on a real server."""

from __future__ import annotations

import socket
import threading
import time

import pytest

import ostinato
from ostinato.commands.serve import build_application
from ostinato.serving.settings import Settings
from ostinato.serving.timed_protocol import TimedProtocol

HOSTILE = "<img src=x onerror=alert(1)>"
PAIRS = [("ein hund", "a dog"), ("eine katze", "a cat"), ("ein haus", "a house")] * 6


@pytest.fixture(scope="module")
def served(models, tmp_path_factory):
    """The address of a server with models of four kinds, one with labels that look like HTML."""
    import uvicorn

    folder = tmp_path_factory.mktemp("page")
    small = {"hidden_size": 12, "embedding_size": 8, "epochs": 1.0, "tensorboard": False}
    rows = [("good film", HOSTILE), ("bad film", "</script><script>alert(2)</script>")] * 10
    wave = [10.0 + step % 7 for step in range(200)]
    (folder / "wave.csv").write_text("ds,y\n" + "".join(f"{n},{v}\n" for n, v in enumerate(wave)))
    everything = {
        **models,
        "pairs": ostinato.train(
            "translation", train=PAIRS, dev=PAIRS[:3], out=folder / "t", **small
        ),
        "labels": ostinato.train(
            "classification", train=rows, dev=rows[:4], out=folder / "c", **small
        ),
        "series": ostinato.train(
            "forecasting",
            train=[str(folder / "wave.csv")],
            out=folder / "f",
            horizon=5,
            look_back=14,
            hidden_size=8,
            epochs=1,
            tensorboard=False,
        ),
    }
    settings = Settings()
    listener = socket.create_server(("127.0.0.1", 0))
    application = build_application(everything, settings, snapshot=False)
    config = uvicorn.Config(
        application.asgi, http=TimedProtocol.with_limits(settings), log_level="error"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def page(browser, served):
    """The page, opened; errors, dialogs and requests to others fail the test."""
    page, problems = browser.new_page(viewport={"width": 400, "height": 800}), []
    page.on("console", lambda each: problems.append(each.text) if is_problem(each) else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: (problems.append(dialog.message), dialog.dismiss()))
    page.on(
        "request",
        lambda each: None if each.url.startswith((served, "data:")) else problems.append(each.url),
    )
    page.goto(served)
    page.locator("#choice").wait_for()
    yield page
    page.close()
    assert not problems


def is_problem(message):
    """Whether a message of the console is an error; a view that an input has not gets 422."""
    return message.type == "error" and "422" not in message.text


def wait_until(page, condition, seconds=20.0):
    """Waits for a condition in JavaScript; by asking again, as the page forbids `eval`."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(50)


def choose(page, name):
    page.select_option("#model", name)
    page.locator("#title", has_text=name).wait_for()


def test_suggestions_follow_the_text(page, models):
    choose(page, "language")
    page.fill("#input", "ROMEO")
    buttons = page.locator("#next button")
    stream = models["language"].stream()
    wanted = stream.feed("ROMEO").next
    page.locator("#view canvas").first.wait_for()  # the gates, drawn anew, too
    assert buttons.first.inner_text().endswith(f"{100 * wanted[0][1]:.1f} %")
    buttons.first.click()
    wait_until(page, "document.getElementById('input').value.length === 6")
    again = stream.feed(wanted[0][0]).next
    shares = "[...document.querySelectorAll('#next button')].map(each => each.textContent).join()"
    wait_until(page, f"({shares}).includes('{100 * again[0][1]:.1f} %')")


def test_a_translation_with_its_attention_is_computed_anew(page, served):
    choose(page, "pairs")
    page.fill("#input", "ein hund")
    page.locator("#view .answer").wait_for()
    page.locator("#input").press_sequentially(" haus")
    wait_until(page, "document.querySelector('#view .input')?.textContent.includes('haus')")
    assert "haus" in page.locator("#view .input").inner_text()
    assert page.locator("#views button[aria-pressed=true]").inner_text() == "attention"
    page.locator("#views button", has_text="gates").first.click()
    page.locator("#view h2", has_text="gate").first.wait_for()


def test_nothing_is_read_as_html(page):
    choose(page, "labels")
    page.fill("#input", HOSTILE)
    page.locator("#answer table").wait_for()
    page.locator("#view .panel").first.wait_for()
    assert HOSTILE in page.locator("#answer").inner_text()
    assert page.locator("main img").count() == 0
    for name in page.locator("#views button").all_inner_texts():
        page.locator(f"#views button:text-is('{name}')").click()
        page.wait_for_timeout(50)
    choose(page, "language")
    page.fill("#input", HOSTILE)
    page.wait_for_timeout(600)
    assert page.locator("main img").count() == 0


def test_a_forecast_is_drawn_and_bad_input_is_told(page):
    choose(page, "series")
    page.fill("#input", "[1, 2, 3, 4, 5, 6, 7, 8]")
    page.locator("#answer svg path").first.wait_for()
    page.fill("#input", "[1, 2")
    page.locator("#error", has_text="expected JSON").wait_for()
    page.fill("#input", "[1, 2, 3, 4]")
    wait_until(page, "document.getElementById('error').textContent === ''")


def test_generation_streams_and_stops(page):
    choose(page, "language")
    page.fill("#input", "the ")
    page.click("#generate")
    wait_until(page, "document.querySelector('#answer pre')?.textContent.length > 20")
    assert page.locator("#error").inner_text() == ""


@pytest.mark.parametrize("width", [400, 1280])
def test_it_fits_into_the_width(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    choose(page, "pairs")
    page.fill("#input", "ein hund eine katze")
    page.locator("#view .panel").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click("#theme")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_keyboard_reaches_everything(page):
    choose(page, "labels")
    page.fill("#input", "good film")
    page.locator("#answer table").wait_for()
    page.focus("#input")
    reached = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.id || document.activeElement.textContent")
        )
    assert {"predict", "gates"} <= reached
