"""Music from files: MIDI, ABC, JSON, folders and tables; sound and pictures of it."""

import gzip
import io
import json
import wave

import numpy as np
import pytest

from ostinato.data.music import piano_roll
from ostinato.data.music.midi import midi_bytes, read_midi
from ostinato.data.music.music_files import Reading, prompt_tune
from ostinato.data.music.synthesis import RATE, synthesise, wav_bytes
from ostinato.data.music.tunes import Note, Tune
from ostinato.errors import InputError

SONG = Tune(
    (Note(0, 4, 60), Note(4, 2, 64), Note(6, 2, 67), Note(6, 2, 72)),
    8,
    title="Song",
    sharps=-1,
    metre="3/4",
)
ABC = "X:1\nT:One\nR:Jig\nM:6/8\nL:1/8\nK:G\nGAB|c3 d3|\n\nX:2\nT:Broken\nK:G\nA+B\n"


def test_midi_is_written_and_read_again(tmp_path):
    pytest.importorskip("symusic")
    (tmp_path / "song.mid").write_bytes(midi_bytes(SONG, 4, tempo=90))
    (read,) = Reading(steps_per_quarter=4).read([tmp_path / "song.mid"])
    assert read.notes == SONG.notes
    assert (read.sharps, read.metre, read.title) == (-1, "3/4", "song")


def test_midi_by_another_library(tmp_path):
    pytest.importorskip("symusic")
    mido = pytest.importorskip("mido")
    found = mido.MidiFile(file=io.BytesIO(midi_bytes(SONG, 4)))
    time, struck = 0, []
    for message in found.tracks[-1]:
        time += message.time
        if message.type == "note_on" and message.velocity:
            struck.append((time / found.ticks_per_beat * 4, message.note))
    assert sorted(struck) == [(note.start, note.pitch) for note in SONG.notes]


def midi_file(*tracks):
    """A MIDI file with 4 ticks a quarter; a track is a list of (time in ticks, message)."""
    chunks = b""
    for track in tracks:
        data, before = b"", 0
        for time, message in track:
            wait = time - before
            data += (
                (bytes([0x80 | wait >> 7]) if wait > 127 else b"") + bytes([wait & 127]) + message
            )
            before = time
        data += b"\0\xff\x2f\0"
        chunks += b"MTrk" + len(data).to_bytes(4, "big") + data
    return b"MThd\0\0\0\6\0\1" + len(tracks).to_bytes(2, "big") + b"\0\4" + chunks


def metre(above, below_exponent):
    return bytes([0xFF, 0x58, 4, above, below_exponent, 24, 8])


def key(sharps):
    return bytes([0xFF, 0x59, 2, sharps % 256, 0])


def note(start, end, pitch, channel=0):
    return [(start, bytes([0x90 | channel, pitch, 90])), (end, bytes([0x80 | channel, pitch, 0]))]


def read_one(tmp_path, content, **options):
    pytest.importorskip("symusic")
    (tmp_path / "x.mid").write_bytes(content)
    (tune,) = Reading(**options).read([tmp_path / "x.mid"])
    return tune


@pytest.mark.parametrize(
    "trailing",
    [
        [],
        [(800, b"\xff\x51\3\7\xa1\x20")],  # a tempo
        [(800, bytes([0xB0, 64, 0]))],  # a controller: the pedal is lifted
        note(800, 820, 36, channel=9),  # a drum
        [(800, bytes([0xE0, 0, 64]))],  # a pitch bend
        [(800, bytes([0xC0, 5]))],  # a programme
        [(800, metre(3, 2))],
        [(800, key(2))],
        [(800, b"\xff\1\3end")],  # a text
    ],
)
def test_midi_ends_with_the_bar_of_its_last_note(tmp_path, caplog, trailing):
    notes = [*note(0, 4, 60), *note(4, 5, 62)]
    tune = read_one(tmp_path, midi_file([(0, metre(2, 2)), *notes, *trailing]))
    assert tune == Tune(
        (Note(0, 4, 60), Note(4, 1, 62)), 8, title="x", metre="2/4", where=f"{tmp_path}/x.mid"
    )
    assert caplog.messages == []


def test_midi_without_a_metre_ends_with_its_last_note(tmp_path):
    assert read_one(tmp_path, midi_file([*note(0, 5, 60), (90, bytes([0xB0, 64, 0]))])).steps == 5


def test_midi_ends_with_the_bar_of_its_last_metre(tmp_path):
    events = [(0, metre(2, 2)), *note(0, 4, 60), (8, metre(3, 2)), *note(8, 9, 62)]
    assert read_one(tmp_path, midi_file(events)).steps == 8 + 12
    # a note that is held a little beyond the bar line does not need another bar
    events = [(0, metre(2, 2)), *note(0, 8, 60)]
    assert read_one(tmp_path, midi_file(events)).steps == 8
    held = midi_file([(0, metre(2, 2)), *note(0, 9, 60)])
    assert read_one(tmp_path, held, steps_per_quarter=1).steps == 2


def test_midi_of_several_metres_and_keys(tmp_path, caplog):
    events = [(0, metre(4, 2)), (0, metre(3, 2)), (0, key(1)), (0, key(-1)), *note(0, 4, 60)]
    tune = read_one(tmp_path, midi_file(events))
    assert (tune.metre, tune.sharps, tune.steps) == ("3/4", -1, 12)  # the later of two at one time
    assert caplog.messages == []
    later = [(0, metre(2, 2)), (0, key(1)), *note(0, 8, 60), (8, metre(3, 2)), (8, key(2))]
    tune = read_one(tmp_path, midi_file([*later, *note(8, 12, 60)]))
    assert (tune.metre, tune.sharps) == ("2/4", 1)
    assert caplog.messages == [
        f"the metre changes in {tmp_path}/x.mid: 2/4, then 3/4; bars are counted in the first",
        f"the key changes in {tmp_path}/x.mid: G, then D; the first is taken for the whole tune",
    ]


def test_abc_of_several_metres_is_said_once(tmp_path, caplog):
    changing = "T:{}\nM:2/4\nK:C\nA|[M:3/4]B|\n\n"
    (tmp_path / "x.abc").write_text("".join(f"X:{n}\n" + changing.format(n) for n in (1, 2, 3)))
    assert len(list(Reading().read([tmp_path / "x.abc"]))) == 3
    assert caplog.messages == [
        f"the metre changes in 3 tunes, first '1' ({tmp_path}/x.abc:1): 2/4, then 3/4; "
        "bars are counted in the first"
    ]


def test_damaged_times_are_those_of_notes():
    pytest.importorskip("symusic")
    with pytest.raises(InputError, match="x.mid: 1 notes over 500,000 quarters; it looks damaged"):
        read_midi(damaged_midi(), "x.mid")


def test_midi_of_too_many_notes(monkeypatch):
    pytest.importorskip("symusic")
    notes = [Note(step, 1, 60) for step in range(3)]
    content = midi_bytes(Tune(notes, 4), 4)
    assert len(read_midi(content, "x.mid").notes) == 3
    monkeypatch.setattr("ostinato.data.music.midi.MOST_NOTES", 2)
    with pytest.raises(InputError, match=r"x.mid: 3 notes over \d quarters; it looks damaged, or"):
        read_midi(content, "x.mid")


def test_midi_with_a_tempo_of_nothing():
    pytest.importorskip("symusic")
    notes = b"\0\xff\x51\3\0\0\0" + b"\0\x90\x3c\x5a" + b"\x60\x80\x3c\0" + b"\0\xff\x2f\0"
    track = b"MTrk" + len(notes).to_bytes(4, "big") + notes
    found = read_midi(b"MThd\0\0\0\6\0\1\0\1\0\x60" + track, "x.mid")
    assert [(start, end, pitch) for start, end, pitch in found.notes] == [(0, 1, 60)]


def damaged_midi():
    """A note that ends after 500,000 quarters of one tick."""
    data = b"\0\x90\x3c\x5a" + b"\x9e\xc2\x20" + b"\x80\x3c\0" + b"\0\xff\x2f\0"
    track = b"MTrk" + len(data).to_bytes(4, "big") + data
    return b"MThd\0\0\0\6\0\1\0\1\0\1" + track


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"MThd", r"a damaged MIDI file \(Invaild midi file! File size is less than 14"),
        (
            b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk\xff\xff\xff\xff",
            r"a damaged MIDI file \(Invalid chunk length",
        ),
        (b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk\0\0\0\4\0\xff\x2f\0", "a MIDI file without notes"),
    ],
)
def test_damaged_midi(content, why):
    pytest.importorskip("symusic")
    with pytest.raises(InputError, match=f"x.mid: {why}"):
        read_midi(content, "x.mid")


def test_midi_cut_anywhere_is_one_line():
    pytest.importorskip("symusic")
    whole = midi_bytes(SONG, 4)
    for size in range(4, len(whole)):
        with pytest.raises(InputError, match="x.mid: "):
            read_midi(whole[:size], "x.mid")


def test_without_symusic_one_line_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "symusic", None)
    with pytest.raises(
        InputError, match=r"MIDI files need the package symusic: pip install 'ostinato\[music\]'"
    ):
        midi_bytes(SONG, 4)


def test_abc_files_and_what_is_left_out(tmp_path):
    (tmp_path / "tunes.abc").write_bytes(ABC.replace("One", "Caf\xe9").encode("latin-1"))
    reading = Reading()
    (tune,) = reading.read([tmp_path / "tunes.abc"])
    assert (tune.title, tune.label, tune.metre, tune.sharps) == ("Café", "jig", "6/8", 1)
    assert reading.left_out == [f"'Broken' ({tmp_path}/tunes.abc:12: cannot be read at '+B')"]


def test_the_parts_of_json(tmp_path):
    pieces = {"train": [[[60, 64], [60, 64], []]], "valid": [[[61]]], "test": [[[62]], [[63]]]}
    path = tmp_path / "chorales.json.gz"
    path.write_bytes(gzip.compress(json.dumps(pieces).encode()))
    (train,) = Reading().read([path], part="train")
    assert train.notes == (Note(0, 2, 60), Note(0, 2, 64))
    assert train.steps == 3
    assert [tune.notes[0].pitch for tune in Reading().read([path])] == [62, 63]
    assert [tune.notes[0].pitch for tune in Reading().read([f"{path}:valid"])] == [61]


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        ([60, 62, -1, None, 62], (Note(0, 1, 60), Note(1, 1, 62), Note(4, 1, 62))),
        ([[60, 60]], (Note(0, 1, 60), Note(1, 1, 60))),
        ([[[60, -1], [60]]], (Note(0, 2, 60),)),
        ([{"pitches": [60], "genre": "jig", "title": "T"}], (Note(0, 1, 60),)),
        ({"steps": [[60], [60, 61]]}, (Note(0, 2, 60), Note(1, 1, 61))),
    ],
)
def test_shapes_of_json(tmp_path, content, notes):
    (tmp_path / "x.json").write_text(json.dumps(content))
    (tune,) = Reading().read([tmp_path / "x.json"])
    assert tune.notes == notes
    assert tune.label == (
        "jig" if isinstance(content, list) and isinstance(content[0], dict) else ""
    )


def test_folders_and_tables_give_labels(tmp_path):
    for name in ("jig", "reel"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.abc").write_text("X:1\nR:other\nK:C\nA\n")
    assert [tune.label for tune in Reading().read([tmp_path])] == ["jig", "reel"]
    assert [tune.label for tune in Reading().read([tmp_path / "jig"])] == ["other"]
    (tmp_path / "list.tsv").write_text("file\tmood\njig/a.abc\tglad\nreel/a.abc\tsad\n")
    assert [tune.label for tune in Reading(label="mood").read([tmp_path / "list.tsv"])] == [
        "glad",
        "sad",
    ]
    with pytest.raises(InputError, match=r"list.tsv:1: no column 'genre'|genre"):
        list(Reading().read([tmp_path / "list.tsv"]))


def test_prompts():
    assert [note.pitch for note in prompt_tune("60 62 64", Reading()).notes] == [60, 62, 64]
    assert [note.pitch for note in prompt_tune("[[60, 64], [62]]", Reading()).notes] == [60, 64, 62]
    assert prompt_tune("G2A2", Reading(steps_per_quarter=4)).notes == (
        Note(0, 2, 67),
        Note(2, 2, 69),
    )
    assert prompt_tune("X:1\nL:1/8\nK:D\nF", Reading()).notes == (Note(0, 2, 66),)
    with pytest.raises(
        InputError,
        match=r"the prompt: cannot be read at '\+B'; "
        "expected the name of a file, notes in ABC, or pitches",
    ):
        prompt_tune("A+B", Reading())


def test_sound():
    tune = Tune((Note(0, 4, 69),), 4)
    sound = synthesise(tune, 4, tempo=60)
    assert len(sound) == pytest.approx(1.08 * RATE, abs=2)
    assert np.abs(sound).max() == pytest.approx(0.9, abs=1e-4)
    spectrum = np.abs(np.fft.rfft(sound[:RATE]))
    assert abs(int(spectrum.argmax()) - 440) <= 2
    with wave.open(io.BytesIO(wav_bytes(tune, 4, tempo=60))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (
            RATE,
            1,
            len(sound),
        )
    assert not synthesise(Tune((), 4), 4).any()


def test_pictures():
    for tune in (SONG, Tune((), 0)):
        buffer = io.BytesIO()
        piano_roll.write_piano_roll(tune, 4, buffer, given=4)
        assert buffer.getvalue().startswith(b"\x89PNG")


def test_a_byte_order_mark_before_json(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf[[60, 62]]")
    assert [tune.steps for tune in Reading().read([path])] == [2]


def test_utf16(tmp_path):
    path = tmp_path / "a.abc"
    path.write_bytes("X:1\nK:C\nCDE|\n".encode("utf-16"))
    assert [len(tune.notes) for tune in Reading().read([path])] == [3]
    path.write_bytes(b"\xff\xfeX:1\x00\xd8")
    with pytest.raises(InputError, match="begins as UTF-16 text does, but is none; save it as"):
        list(Reading().read([path]))


def test_a_file_too_large_to_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("ostinato.data.files.streams.LARGEST_WHOLE", 1000)
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(b"[" + b"60, " * 1_000_000 + b"60]"))
    with pytest.raises(InputError, match=r"a\.json\.gz: more than 0 MB; split the file"):
        list(Reading().read([path]))


@pytest.mark.parametrize("text", ["²", "60 ²", "9" * 5000, "[" + "9" * 5000 + "]"])
def test_prompts_of_odd_digits(text):
    with pytest.raises(InputError, match="^the prompt: "):
        prompt_tune(text, Reading())


def test_files_of_several_tunes_are_kinds(tmp_path):
    for name, field in (("jigs", ""), ("reels", ""), ("mixed", "R:polka\n")):
        tunes = "".join(f"X:{number}\n{field}K:C\nABc\n\n" for number in (1, 2))
        (tmp_path / f"{name}.abc").write_text(tunes)
    found = [tune.label for tune in Reading().read([tmp_path])]
    assert found == ["jigs", "jigs", "polka", "polka", "reels", "reels"]
