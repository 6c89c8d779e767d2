"""The lecture: its form, its equations, and its code, executed from the chapters' own text."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LECTURE = ROOT / "docs" / "lecture"
CHAPTERS = sorted(LECTURE.glob("[0-9]*.md"))
# Chapters whose cells take about a second here; the site's build runs those of all.
QUICK = ("03-", "04-", "07-", "11-", "12-")
SOLUTION = re.compile(
    r'<details markdown="1">\n<summary>Solution (\d)</summary>\n(.*?)</details>', re.S
)
IDS = [chapter.stem for chapter in CHAPTERS]


def load_builder(name: str):
    """A module of docs/building, by its path."""
    path = ROOT / "docs" / "building" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"docs_building_{name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


cells = load_builder("cells")


@pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)
def test_chapter_has_three_exercises_with_solutions_that_assert(chapter):
    text = chapter.read_text(encoding="utf-8")
    exercises = text.split("\n## Exercises\n")[1].split("<details")[0]
    assert re.findall(r"^(\d)\. ", exercises, re.M) == ["1", "2", "3"]
    solutions = SOLUTION.findall(text)
    assert [number for number, _ in solutions] == ["1", "2", "3"]
    for number, solution in solutions:
        code = "\n".join(cell.code for cell in cells.find_cells(solution))
        assert re.search(r"^\s*(assert |.*assert_close\()", code, re.M), f"solution {number}"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)
def test_all_code_of_a_chapter_is_executed(chapter):
    text = chapter.read_text(encoding="utf-8")
    fences = re.findall(r"^ *```\w*.*$", text, re.M)
    opened = [fence for fence in fences[::2] if "sh" not in fence and "text" not in fence]
    assert len(cells.find_cells(text)) == len(opened)


def test_chapters_stand_in_the_navigation_in_their_order():
    shown = re.findall(r"lecture/(\d\d-[\w-]+)\.md", (ROOT / "mkdocs.yml").read_text())
    assert shown == IDS
    listed = re.findall(r"\]\((\d\d-[\w-]+)\.md\)", (LECTURE / "index.md").read_text())
    assert listed == IDS


@pytest.mark.parametrize(
    "chapter",
    [
        pytest.param(chapter, marks=() if chapter.name.startswith(QUICK) else pytest.mark.slow)
        for chapter in CHAPTERS
    ],
    ids=IDS,
)
def test_chapter_runs(chapter):
    outputs = cells.run_chapter(chapter)
    assert len(outputs) == len(cells.find_cells(chapter.read_text(encoding="utf-8")))
    assert any(output.text for output in outputs)


def test_cells_show_text_values_and_pictures(tmp_path):
    chapter = tmp_path / "chapter.md"
    chapter.write_text(
        "```python\nprint('said')\n1 + 1\n```\n\n```sh\nls\n```\n\n```python\n"
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('A line')\n```\n"
    )
    said, drawn = cells.run_chapter(chapter)
    assert said == cells.Output("said\n2", ())
    assert [picture.title for picture in drawn.pictures] == ["A line"]
    assert b"<svg" in drawn.pictures[0].svg


def test_a_cell_that_fails_is_named_with_its_line(tmp_path):
    chapter = tmp_path / "chapter.md"
    chapter.write_text("text\n\n```python\nx = 1\n```\n\n```python\n\nassert x == 2\n```\n")
    with pytest.raises(cells.CellError, match=r"chapter\.md:9: AssertionError"):
        cells.run_chapter(chapter)
    chapter.write_text("```python\nx = = 1\n```\n")
    with pytest.raises(cells.CellError, match=r"chapter\.md:2: SyntaxError"):
        cells.run_chapter(chapter)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=IDS)
def test_equations_are_converted(chapter):
    pytest.importorskip("latex2mathml")
    equations = load_builder("equations")
    text = re.sub(r"^```.*?^```", "", chapter.read_text(encoding="utf-8"), flags=re.S | re.M)
    text = re.sub(r"`[^`]*`", "", text)
    for display, inline in re.findall(r"\$\$(.*?)\$\$|\$([^$\n]+)\$", text, re.S):
        assert "<math " in equations.draw(display or inline, "block")


def test_unknown_tex_is_refused():
    pytest.importorskip("latex2mathml")
    equations = load_builder("equations")
    assert equations.draw("h_t", "inline").startswith('<math alttext="h_t"')
    for tex in (r"\nosuch x", r"\begin{aligned} a &= b \end{aligned}"):
        with pytest.raises(equations.EquationError, match="equation"):
            equations.draw(tex, "block")
