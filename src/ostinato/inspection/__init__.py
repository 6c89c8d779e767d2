"""What a trained network does inside: gradients through time, gates, and laws that it must obey."""

from types import ModuleType

from ostinato.submodules import import_submodule


def __getattr__(name: str) -> ModuleType:
    return import_submodule(__name__, name)
