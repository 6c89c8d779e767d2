"""README.md beside this file names tests that exist, and every test file of this folder."""

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_every_row_names_tests_that_exist():
    named: set[str] = set()
    for row in (HERE / "README.md").read_text().splitlines():
        if re.match(r"\| \d", row):
            held_by = re.findall(r"`(\w[\w/]*\.py)`", row.rsplit("|", 2)[1])
            assert held_by, row
            named |= set(held_by)
    missing = {name for name in named if not (HERE.parent / name).is_file()}
    assert not missing
    own = {f"faults/{path.name}" for path in HERE.glob("test_*.py")} - {
        f"faults/{Path(__file__).name}"
    }
    assert own <= named, own - named
