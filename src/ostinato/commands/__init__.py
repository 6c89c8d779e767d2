"""The commands: one file each, with a function of the command's name."""

from types import ModuleType

from ostinato.submodules import import_submodule


def __getattr__(name: str) -> ModuleType:
    return import_submodule(__name__, name)
