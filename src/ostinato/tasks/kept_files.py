"""Files named by options: the copies that a run folder keeps, and the paths it may use.

A run folder may come from an untrusted source. Paths in its model.json are therefore never read or
written outside the folder: files that the predictions depend on are copied into the run when it is
trained, and all other paths must be given again for each prediction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ostinato import options as option_fields
from ostinato.data.files.wording import quote
from ostinato.errors import InputError, option_name
from ostinato.notices import notify
from ostinato.options import Field

LARGEST = 1 << 28  # maximum bytes of a copied file
PREFIX = "kept-"  # of the names of copies, such as kept-encoder.onnx
EXTERNAL = b"location"  # found in an ONNX file whose weights are in other files


def read_kept(options: Any) -> dict[str, bytes]:
    """Reads the files that a run with these options keeps: option name -> contents."""
    found = {}
    for name, field in option_fields.fields(type(options)).items():
        value = getattr(options, name)
        if field.metadata.get("path") == "kept" and names_path(field, value):
            path = Path(value)
            if path.is_file() and path.stat().st_size <= LARGEST:
                content = path.read_bytes()
                if not (path.suffix == ".onnx" and EXTERNAL in content):
                    found[name] = content
    return found


def kept_name(name: str, path: str) -> str:
    """kept_name("encoder", "/data/resnet.onnx") -> "kept-encoder.onnx" """
    return f"{PREFIX}{name.replace('_', '-')}{Path(path).suffix}"


def describe_paths(options: Any, kept: Collection[str]) -> tuple[dict[str, Any], list[str]]:
    """The options as saved in model.json, and the names of those saved without their path.

    Args:
        options: of the task
        kept: names of the options whose files are in the run folder
    """
    values, given = option_fields.to_dict(options), []
    for name, field in option_fields.fields(type(options)).items():
        if not names_path(field, values[name]):
            continue
        if name in kept:
            values[name] = kept_name(name, values[name])
        else:
            values[name] = field.default
            given.append(name)
    return values, given


def resolve_paths(
    values: Mapping[str, Any],
    known: Mapping[str, Field],
    folder: str | Path,
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """Resolves the paths among the options of a model.json relative to its folder.

    Args:
        values: the options of model.json
        known: the fields of the task's options
        folder: the run folder
        given: options that the user gives now, which replace those of the run

    Raises:
        InputError: a path to read that is not in the folder.
    """
    found = dict(values)
    for name, field in known.items():
        if name in given or not names_path(field, found.get(name, field.default)):
            continue
        path = Path(folder) / found[name]
        if (
            path.resolve().is_relative_to(Path(folder).resolve())
            and not Path(found[name]).is_absolute()
        ):
            found[name] = str(path)
        elif field.metadata["path"] == "written":
            found[name] = field.default  # files are only written where the user says
        else:
            raise InputError(
                f"{folder}/model.json: {name}: {quote(found[name])} is not in the run folder, and "
                f"is not read; give it with {option_name(name)}"
            )
    return found


def notify_not_kept(
    names: Any, known: Mapping[str, Field], folder: str | Path, given: Mapping[str, Any]
) -> None:
    """Notifies of options that the run was trained with, must be given again, and were not."""
    if not isinstance(names, list):
        return
    missing = [
        option_name(name)
        for name in names
        if name in known
        and name not in given
        and known[name].metadata.get("path") != "written"
        and known[name].metadata.get("when_predicting")
    ]
    if missing:
        notify(
            f"{folder}: was trained with {', '.join(missing)}, which a run does not keep; give it "
            "again where the files to read need it"
        )


def names_path(field: Field, value: Any) -> bool:
    """Whether this value of an option is a path."""
    return (
        field.metadata.get("path") is not None
        and isinstance(value, str)
        and value != field.default
        and value not in field.metadata.get("words", ())
    )
