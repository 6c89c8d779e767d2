"""English to French on the packaged sample, from Python: trains, translates, looks at where it
looked.

Expect a test BLEU of about 40 after about three minutes on two cores (word for word: about 12).

    python examples/translation.py [RUN]
"""

import sys

import ostinato


def main(run: str = "runs/example-translation") -> None:
    model = ostinato.train("translation", out=run, overwrite=True)
    scores, intervals = model.report["metrics"], model.report["intervals"]
    print(
        f"BLEU {scores['bleu']:.1f}, 95 % interval {intervals['bleu'][0]:.1f} to "
        f"{intervals['bleu'][1]:.1f}"
    )

    print(model.predict(["I don't know where he is.", "She is my sister."]))
    print(
        model.score(
            [("She is my sister.", "C'est ma sœur."), ("She is my sister.", "C'est mon chien.")]
        )
    )

    looking = ostinato.load(run, align=True, n_best=3)
    for answer in looking.predictions(["He has a big dog."]):
        words, source = answer.details["tokens"], answer.details["source_tokens"]
        print(
            [
                f"{word} <- {source[position]}"
                for word, position in zip(words, answer.details["alignment"], strict=True)
            ]
        )
        print(answer.details["n_best"])


if __name__ == "__main__":
    main(*sys.argv[1:2])
