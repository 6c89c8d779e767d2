"""Recurrent weights of other libraries and of textbooks, read and written: see `conventions`."""

from types import ModuleType

from ostinato.submodules import import_submodule


def __getattr__(name: str) -> ModuleType:
    return import_submodule(__name__, name)
