"""Submodules as attributes of their package, imported when they are first used.

Importable from everywhere; imports nothing of ours."""

import importlib
import importlib.util
from types import ModuleType


def import_submodule(package: str, name: str) -> ModuleType:
    """import_submodule("ostinato.inspection", "gradients") -> the module.

    For the `__getattr__` of a package. Without it `ostinato.inspection.gradients` would exist only
    after somebody has imported it by its full name; imported at once, it would make `import
    ostinato` slow.

    Args:
        package: The package's `__name__`.
        name: The attribute that it does not have.

    Raises:
        AttributeError: There is no such submodule.
    """
    if name.startswith("_") or importlib.util.find_spec(f"{package}.{name}") is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return importlib.import_module(f"{package}.{name}")
