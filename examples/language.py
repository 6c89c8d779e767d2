"""Shakespeare, by characters, from Python: trains on the packaged sample, makes up a scene,
completes words, scores lines.

Expect a few minutes on two cores, and a perplexity of a character near that of an 8-gram with
Kneser-Ney smoothing (4.9).

    python examples/language.py [RUN]
"""

import sys

import ostinato


def main(run: str = "runs/example-language") -> None:
    model = ostinato.train("language", out=run, overwrite=True)
    scores, baseline = model.report["metrics"], model.report["baseline"]
    print(
        f"perplexity {scores['perplexity']:.2f}, {scores['bits_per_character']:.2f} bits a "
        f"character; {baseline['name']}: {baseline['metrics']['perplexity']:.2f}"
    )

    print("ROMEO:" + model.generate(prompt="ROMEO:", length=300, temperature=0.8, seed=2)[0])
    lines = ["What is thy name?", "Name thy is what?"]
    for line, score in zip(lines, model.score(lines), strict=True):
        print(f"{score:8.2f}  {line}")

    words = ostinato.load(run, suggest=5)
    for start in ["My lo", "I will "]:
        print(f"{start}: {words.predict([start])[0].split(chr(9))}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
