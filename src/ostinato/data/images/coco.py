"""Captions in COCO's JSON: one object with images and annotations.

    {"images": [{"id": 7, "file_name": "a.jpg"}],
     "annotations": [{"image_id": 7, "caption": "a cat"}, {"image_id": 7, "caption": "it sleeps"}]}

Karpathy's splits, {"images": [{"filename": "a.jpg", "sentences": [{"raw": "a cat"}]}]}, are read,
too, and {"a.jpg": ["a cat", "it sleeps"]}."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ostinato.data.files.json_lines import parse_json
from ostinato.data.files.streams import FilePath, open_bytes, read_bytes
from ostinato.data.files.wording import display_path, quote
from ostinato.data.images.images import is_image
from ostinato.errors import InputError

Coco = dict[str, Any]
NAMES = ("file_name", "filename")


def load_coco(file: FilePath) -> Coco | None:
    """The object of a .json file if it has a list of images; None for another file, such as JSON
    objects on lines."""
    name = str(file).lower().removesuffix(".gz")
    if not name.endswith(".json") or not Path(file).is_file():
        return None
    with open_bytes(file) as stream:  # the object of a whole file names its lists early
        head = stream.peek(4096)[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head.startswith(b"{") or is_row(head):
        return None
    try:
        text = read_bytes(file).decode()
    except UnicodeDecodeError:
        return None  # the reader of lines says where
    value = parse_json(text, display_path(file))
    if isinstance(value, dict) and value and all(map(is_image, value)):
        return {"images": [{"file_name": name, "sentences": value[name]} for name in value]}
    return value if isinstance(value, dict) and isinstance(value.get("images"), list) else None


def is_row(head: bytes) -> bool:
    """Whether the file's first line is an object by itself and not the object of the whole file."""
    line, end, rest = head.partition(b"\n")
    return bool(end) and line.rstrip().endswith(b"}") and rest.lstrip().startswith(b"{")


def coco_images(coco: Coco, file: FilePath) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """(file name, captions, place for messages) of each image; () where it has no caption.

    Raises:
        InputError: an image without a name or an id, a caption that is not text, an annotation of
            an image that is not listed.
    """
    path = display_path(file)
    captions: dict[Any, list[str]] = {}
    images: list[tuple[str, Any, str]] = []
    for number, image in enumerate(coco["images"], start=1):
        where = f"{path}: image {number}"
        image = image if isinstance(image, dict) else {}
        name = next((image[key] for key in NAMES if isinstance(image.get(key), str)), "")
        if not name:
            raise InputError(f"{where}: no 'file_name'")
        key = image.get("id", name)
        if not isinstance(key, (int, str)):
            raise InputError(f"{where}: 'id' must be a number or a text")
        folder = image.get("filepath")
        key = str(key)  # some write the ids of one list as texts
        images.append((f"{folder}/{name}" if isinstance(folder, str) else name, key, where))
        captions[key] = [
            sentence if isinstance(sentence, str) else read_text(sentence, "raw", where)
            for sentence in read_list(image, "sentences", where)
        ]
    for number, annotation in enumerate(read_list(coco, "annotations", path), start=1):
        where = f"{path}: annotation {number}"
        key = annotation.get("image_id") if isinstance(annotation, dict) else None
        if not isinstance(key, (int, str)) or str(key) not in captions:
            raise InputError(f"{where}: 'image_id' {quote(key)} is not the id of an image")
        captions[str(key)].append(read_text(annotation, "caption", where))
    for name, key, where in images:
        texts = (" ".join(text.split()) for text in captions[key])
        yield name, tuple(text for text in texts if text), where


def read_list(value: Coco, key: str, where: str) -> list[Any]:
    """A list of an object, [] if it has none; InputError for another value."""
    found = value.get(key, [])
    found = [found] if isinstance(found, str) else found
    if not isinstance(found, list):
        raise InputError(f"{where}: {key!r} must be a list")
    return found


def read_text(value: Any, key: str, where: str) -> str:
    """A text of an object; InputError for another value."""
    text = value.get(key) if isinstance(value, dict) else None
    if not isinstance(text, str):
        raise InputError(f"{where}: no {key!r} that is a text")
    return text
