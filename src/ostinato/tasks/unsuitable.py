"""The error for a model that the data, or this installation, does not allow."""

from __future__ import annotations

from ostinato.errors import InputError


class Unsuitable(InputError):
    """A model that this data, or this installation, does not allow. `compare` skips it."""
