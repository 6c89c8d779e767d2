"""The error for a model that does not suit the data, or is not available in this installation."""

from __future__ import annotations

from ostinato.errors import InputError


class Unsuitable(InputError):
    """A model does not suit the data, or is not available in this installation; `compare` skips
    it.
    """
