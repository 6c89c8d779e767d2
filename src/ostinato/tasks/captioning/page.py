"""Images with their captions, as a self-contained web page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from ostinato.data.images.images import data_uri, from_array, open_image
from ostinato.data.images.picture import Picture
from ostinato.tasks.captioning.image_kinds import name_of

HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Captions</title>
<style>
body { font: 16px/1.4 sans-serif; margin: 2em; background: #fff; color: #222 }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(15em, 1fr)); gap: 1.5em 1em }
figure { margin: 0; text-align: center }
img { height: 128px; max-width: 100%; object-fit: contain; image-rendering: auto }
figcaption { margin-top: .4em; font-weight: bold }
small { display: block; font-weight: normal; color: #666; overflow-wrap: anywhere }
.right { color: #176d2d } .other { color: #333 }
</style></head><body><main>"""


def caption_page(
    captions: Iterable[tuple[Picture, str]], maximum: float | None = None
) -> Iterator[str]:
    """The lines of an HTML page that shows each image with its predicted caption.

    A caption equal to one of its references is green; other captions have the references below.

    Args:
        captions: (record, predicted caption) pairs.
        maximum: The value of white in images that are arrays; None: by their type and values.
    """
    yield HEAD
    for record, caption in captions:
        yield format_figure(record, caption, maximum)
    yield "</main></body></html>"


def format_figure(record: Picture, caption: str, maximum: float | None) -> str:
    right = caption in record.captions
    references = ""
    if record.captions and not right:
        references = f"<small>{escape(' / '.join(record.captions))}</small>"
    return (
        f"<figure>{format_image(record, maximum)}<figcaption "
        f'class="{"right" if right else "other"}">'
        f"{escape(caption)}<small>{escape(name_of(record))}</small>{references}"
        "</figcaption></figure>"
    )


def format_image(record: Picture, maximum: float | None) -> str:
    """An <img> element of the image, or of the middle frame of a clip; "" for features."""
    image = record.image
    if isinstance(image, str):
        return f'<img src="{data_uri(open_image(image))}" alt="">' if image.strip() else ""
    if not record.has_pixels:
        return ""
    if record.ordered:
        image = image[len(image) // 2]
    return f'<img src="{data_uri(from_array(image, record.where, maximum))}" alt="">'
