"""Emoji and what they show, from Python: trains on the packaged sample, captions pictures,
scores captions, writes a page.

About 50 BLEU on emoji whose names it never heard, one in twenty word for word; the nearest
neighbour beside it 47 and none. Some three minutes on one core.

    python examples/captioning.py [RUN]
"""

import sys

import ostinato
from ostinato.commands.predict import predict, save
from ostinato.data.files.samples import sample_files


def main(run: str = "runs/example-captioning") -> None:
    model = ostinato.train("captioning", out=run, overwrite=True)
    scores, beside = model.report["metrics"], model.report["baseline"]
    print(
        f"BLEU {scores['bleu']:.1f}, exact match {scores['exact_match']:.1%}; {beside['name']}: "
        f"BLEU {beside['metrics']['bleu']:.1f}, exact match {beside['metrics']['exact_match']:.1%}"
    )

    test = str(sample_files("captioning")["test"])
    for record in model.task.reader.read([test])[::60]:
        [answer] = model.predictions([record.image])
        print(
            f"{answer.text} ({answer.details['log_probability']:.1f}); its name is "
            f"{record.captions[0]}: {model.score([(record.image, record.captions[0])])[0]:.1f}"
        )

    save(predict(model, [test]), f"{run}/page.html")
    print(f"all test pictures beside their captions: {run}/page.html")


if __name__ == "__main__":
    main(*sys.argv[1:2])
