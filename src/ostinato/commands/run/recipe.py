"""Recipes: published or measured settings as TOML files. Keys are options; flags override them."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from ostinato.data.files.lines import read_lines
from ostinato.data.files.wording import first_line
from ostinato.errors import InputError, nearest


def names() -> list[str]:
    """The names of the packaged recipes."""
    folder = files("ostinato") / "recipes"
    return sorted(
        path.name.removesuffix(".toml") for path in folder.iterdir() if path.name.endswith(".toml")
    )


def names_for(task: str) -> list[str]:
    """The names of the packaged recipes of a task."""
    return [
        name
        for name in names()
        if tomllib.loads(packaged(name).read_text(encoding="utf-8")).get("task", task) == task
    ]


def packaged(name: str) -> Path:
    """The file of a packaged recipe."""
    return Path(str(files("ostinato") / "recipes" / f"{name}.toml"))


def read_recipe(name: str, task: str) -> dict[str, Any]:
    """Reads the options of a packaged recipe or of a TOML file.

    Raises:
        InputError: there is no such recipe, it is not TOML, or it is for another task.
    """
    path = Path(name)
    if name in names():
        path = packaged(name)
    elif not name.endswith((".toml", ".toml.gz")):
        raise InputError(
            f"--recipe: no recipe '{name}'{nearest(name, names())}, or name a .toml file"
        )
    try:
        values = tomllib.loads("\n".join(read_lines(path)))
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        what = "nested too deep" if isinstance(error, RecursionError) else first_line(error)
        raise InputError(f"{path}: not TOML: {what}") from None
    wanted = values.pop("task", task)
    if wanted != task:
        name = str(wanted)[:60]
        raise InputError(f"{path}: a recipe for {name}, not for {task}")
    return values
