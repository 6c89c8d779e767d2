"""From speech to text, from Python: trains on the packaged sample (AN4, spelled words and
numbers), transcribes a sound file, listens.

Expect a word error rate of about 20 to 30 % (the commonest transcript: 157 %) after three
minutes on a core of its own.

    python examples/transcription.py [RUN]
"""

import sys

import ostinato
from ostinato.data.audio.audio_files import read_audio
from ostinato.data.files.samples import sample_files
from ostinato.tasks.transcription import RECORDING
from ostinato.tasks.transcription.tuning import tune_fusion


def main(run: str = "runs/example-transcription") -> None:
    model = ostinato.train("transcription", out=run, overwrite=True)
    print(f"word error rate {model.report['metrics']['wer']:.1f} %")

    [answer] = model.predictions([str(RECORDING)])
    print(f"{RECORDING.name}: {answer.text}")
    for word in answer.words:
        print(f"  {word.start:5.2f} {word.end:5.2f} {word.text} ({word.confidence:.0%})")

    # with the words of the training transcripts as a language model, weighed on the dev set
    dev = str(sample_files("transcription")["dev"])
    tuned = tune_fusion(ostinato.load(run, lm="transcripts"), [dev])
    chosen = {"lm_weight": tuned.weight, "word_bonus": tuned.bonus}
    fused = ostinato.load(run, lm="transcripts", **chosen)
    scores = fused.evaluate([str(sample_files("transcription")["test"])])["metrics"]
    print(f"with a language model: word error rate {scores['wer']:.1f} %")

    # a model of one direction hears chunks of any size
    short = {"epochs": 6.0, "hidden_size": 160, "bidirectional": False}
    listener = ostinato.train("transcription", out=f"{run}-live", overwrite=True, **short)
    stream, samples = listener.stream(), read_audio(RECORDING, 16_000)
    for place in range(0, len(samples), 1600):  # a tenth of a second
        partial = stream(samples[place : place + 1600])
        print(f"  {place / 16_000:4.1f} s: {partial}")
    print(f"live: {stream.finish().text}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
