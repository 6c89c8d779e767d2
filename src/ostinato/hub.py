"""Models of the Hugging Face hub, fetched by their names."""

from __future__ import annotations

import re
from pathlib import Path

from ostinato.errors import InputError

HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def fetch_from_hub(name: str | Path) -> str | Path:
    """The local copy of a model OWNER/NAME of the hub; any other name, or a folder, as it is.

    Nothing but the model's own files is fetched.

    Raises:
        InputError: There is no such model, or it cannot be reached.
    """
    if not isinstance(name, str) or not HUB_NAME.fullmatch(name) or Path(name).exists():
        return name
    if Path(name).parent.is_dir():  # a run that does not exist, with a typing error perhaps
        return name
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        return name  # the message of a missing folder says what is expected
    try:
        return snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "kept-*"])
    except Exception as error:  # of many kinds, for the network, the hub and its cache
        raise InputError(
            f"{name}: no such folder, and not to be had from the hub: "
            f"{str(error).strip().splitlines()[0][:200]}"
        ) from None
