"""The notation of tags in the training files, and its conversion to the network's scheme."""

from __future__ import annotations

from collections.abc import Sequence

from ostinato.data.files.wording import quote
from ostinato.data.text.sentence import Sentence
from ostinato.data.text.tag_forms import STANDARD, TagForm, look_like_spans
from ostinato.data.text.tag_schemes import SCHEMES, SpanFormat, convert_tags, detect_format
from ostinato.errors import option_name
from ostinato.notices import notify
from ostinato.tasks.tagging.options import TaggingOptions


def detect_tags(options: TaggingOptions, records: Sequence[Sentence]) -> tuple[str | None, TagForm]:
    """Detects the scheme and the form of the files' tags, with a notice.

    Returns:
        The scheme ("binary" with --binary, None for tags that are not spans), and the form.
    """
    if options.binary:
        return "binary", STANDARD
    found = detect_format(record.tags for record in records)
    if found is not None:
        notify_format(found, options.scheme, records)
        return found
    tags = {tag for record in records for tag in record.tags}
    if odd := look_like_spans(tags):
        notify(
            f"the tags look like spans, in no known scheme ({', '.join(map(quote, odd[:3]))}): "
            f"learned as plain classes, without F1; known are {', '.join(SCHEMES)}, "
            "written B-PER, B_PER, PER-B, PER_B or B"
        )
    elif all(tag.isdecimal() for tag in tags):
        notify(
            "the tags are numbers, learned as plain classes, without F1 of spans; "
            f"name them with {option_name('tag_names')} O,B-PER,I-PER,..."
        )
    return None, STANDARD


def convert_for_network(
    options: TaggingOptions, file_scheme: str | None, form: TagForm, tags: Sequence[str]
) -> Sequence[str]:
    """Converts the tags of a file to those of the network: spans to --scheme, others unchanged."""
    if file_scheme not in SCHEMES:
        return tags
    return convert_tags(tags if form == STANDARD else form.to_standard(tags), options.scheme)


def notify_format(found: SpanFormat, scheme: str, records: Sequence[Sentence]) -> None:
    """Notifies of the scheme of the files, and of how many of their tags break its rules."""
    broken = sum(
        tag != right
        for tags in (found.form.to_standard(record.tags) for record in records)
        for tag, right in zip(tags, convert_tags(tags, found.scheme), strict=True)
    )
    repairs = ""
    if broken:
        repairs = f"; {broken:,} tags broke its rules and were put right as conlleval reads them"
    form = "" if found.form == STANDARD else f", written {found.form.name}"
    form += "" if found.form.separator else " (one unnamed type)"
    notify(f"tags: spans in scheme {found.scheme}{form}, learned as {scheme}{repairs}")
