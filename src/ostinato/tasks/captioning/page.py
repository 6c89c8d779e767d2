"""Pictures beside their captions, as a web page of a single file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape

import numpy as np

from ostinato.data.images.captioned import Picture
from ostinato.data.images.images import data_uri, from_array, picture
from ostinato.tasks.legacy import Prediction

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


@dataclass(frozen=True)
class Caption(Prediction):
    """A caption that still knows what it is of."""

    record: Picture = field(default=None, compare=False)


def caption_page(captions: Iterable[Caption]) -> Iterator[str]:
    """The page's lines. A caption that is word for word one of its references is green; where there are others they stand below."""
    yield HEAD
    for caption in captions:
        yield figure(caption)
    yield "</main></body></html>"


def figure(caption: Caption) -> str:
    record = caption.record
    source = record.image if isinstance(record.image, str) else record.where
    right = caption.text in record.captions
    said = (
        ""
        if right or not record.captions
        else f"<small>{escape(' / '.join(record.captions))}</small>"
    )
    kind = "right" if right else "other"
    return (
        f'<figure>{drawn(record)}<figcaption class="{kind}">{escape(caption.text)}'
        f"<small>{escape(source)}</small>{said}</figcaption></figure>"
    )


def drawn(record: Picture) -> str:
    """The picture, or the middle frame of a film; nothing for features."""
    image = record.image
    if isinstance(image, str):
        return f'<img src="{data_uri(picture(image))}" alt="">' if image.strip() else ""
    if record.ordered and image.ndim >= 3:
        image = image[len(image) // 2]
    if image.ndim < 2 or (image.ndim == 2 and image.dtype != np.uint8):
        return ""
    return f'<img src="{data_uri(from_array(image))}" alt="">'
