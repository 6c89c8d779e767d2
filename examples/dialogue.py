"""Replies learned from the packaged conversations, from Python: trains, answers, goes on with a
conversation.

Expect a test perplexity of about 210 after about half a minute (token frequencies alone: 400).
500 short conversations teach the form of a reply, not knowledge of the world: give it your own
with train=[...].

    python examples/dialogue.py [RUN]
"""

import sys

import ostinato


def main(run: str = "runs/example-dialogue") -> None:
    model = ostinato.train("dialogue", turns=3, out=run, overwrite=True)
    report = model.report
    low, high = report["intervals"]["perplexity"]
    print(
        f"perplexity {report['metrics']['perplexity']:.1f}, 95 % interval {low:.1f} to {high:.1f}"
    )
    print(f"{report['baseline']['name']}: {report['baseline']['metrics']['perplexity']:.1f}")

    turns: list[str] = []
    for utterance in ("Hello.", "What are you?", "Do you like films?"):
        turns.append(utterance)
        turns.append(
            model.predict([turns])[0]
        )  # the last turn is answered, those before it are read, too
        print(f"> {utterance}\n{turns[-1]}")

    bold = ostinato.load(run, sampling=True, temperature=0.8)
    print(bold.predict(["Hello."])[0])


if __name__ == "__main__":
    main(*sys.argv[1:2])
