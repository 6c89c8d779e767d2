"""torch.nn's interface: recurrent layers in place of torch's own."""

from types import ModuleType

from ostinato.submodules import import_submodule


def __getattr__(name: str) -> ModuleType:
    return import_submodule(__name__, name)
