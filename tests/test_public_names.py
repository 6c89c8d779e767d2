"""The names that the documentation shows exist after a plain `import ostinato`."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
# ostinato.X.Y, but not in paths, addresses and strings, as src/ostinato.X or
# getLogger("ostinato.X")
NAME = re.compile(r"(?<![\w/.\"'@])ostinato((?:\.[A-Za-z_]\w*)+)(?!\w*[/@])")
MODULE = re.compile(r"(?:-m|import|from) ostinato[\w.]+")


def shown_names(text: str) -> set[str]:
    """The names ostinato.X.Y in a page, without those that are run or imported as modules."""
    return {f"ostinato{found}" for found in NAME.findall(MODULE.sub("", text))}


def resolve(names: list[str]) -> subprocess.CompletedProcess:
    """Looks the names up in a fresh interpreter that has imported nothing but ostinato."""
    code = (
        "import sys, ostinato\n"
        "from functools import reduce\n"
        "for name in sys.argv[1:]:\n"
        "    reduce(getattr, name.split('.')[1:], ostinato)\n"
    )
    return subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True)


def test_names_in_the_documentation_exist():
    names = sorted(set().union(*(shown_names(page.read_text()) for page in PAGES)))
    assert {"ostinato.train", "ostinato.inspection.gradients"} <= set(names)
    found = resolve(names)
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize(
    "name",
    [
        "ostinato.inspection.gates.summarise",
        "ostinato.inspection.verify.verify",
        "ostinato.layers.conversion.conventions.from_keras_layer",
        "ostinato.layers.truncated_bptt.chunks",
        "ostinato.models.language_model.LanguageModel",
        "ostinato.training.loop.train",
        "ostinato.decoding.beam.beam_search",
        "ostinato.cells.state.detach",
        "ostinato.notices.notify",
    ],
)
def test_submodules_are_found(name):
    found = resolve([name])
    assert found.returncode == 0, found.stderr


def test_unknown_names_are_refused():
    import ostinato

    for package, name in ((ostinato, "lsmt"), (ostinato.inspection, "gradient")):
        with pytest.raises(AttributeError, match=f"'{package.__name__}' has no attribute '{name}'"):
            getattr(package, name)


def test_type_information_is_packaged():
    import ostinato

    assert (Path(ostinato.__file__).parent / "py.typed").exists()
    assert '"py.typed"' in (ROOT / "pyproject.toml").read_text()
