"""Runs an exported model with NumPy alone.

    python runner.py "a text" ["another"]        # in the folder with program.json and weights.npz
    echo "a text" | python runner.py

    from runner import Runner
    runner = Runner("folder")
    runner.predict("a text")                     # a label, tags, or what comes next
    state = runner.start(); answer, state = runner.feed("a", state)   # one step after another

This file needs Python 3.9 and NumPy 1.22 or later, and nothing else.
"""

import json
import re
import sys
import unicodedata
from pathlib import Path

import numpy as np

SPACE = "\u2581"  # stands for a space before a word


def sigmoid(x):
    return 1 / (1 + np.exp(-np.clip(x, -80, 80)))


def softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def viterbi(emissions, start, transitions, end):
    """Scores [T, K], of beginnings [K], pairs [K, K] and ends [K] -> the best path of T labels."""
    back, score = [], start + emissions[0]
    for row in emissions[1:]:
        both = score[:, None] + transitions
        back.append(both.argmax(0))
        score = both.max(0) + row
    path = [int((score + end).argmax())]
    for best in reversed(back):
        path.append(int(best[path[-1]]))
    return path[::-1]


ACTIVATIONS: dict = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0), "sigmoid": sigmoid}


class Runner:
    """A model of one folder."""

    def __init__(self, folder="."):
        folder = Path(folder)
        self.program = json.loads((folder / "program.json").read_text(encoding="utf-8"))
        stored = dict(np.load(folder / "weights.npz"))
        self.weights = {}
        for name, value in stored.items():
            if not name.startswith("scale:"):
                scale = stored.get("scale:" + name)
                self.weights[name] = value if scale is None else value.astype(np.float32) * scale
        self.about, self.task = self.program["about"], self.program["about"]["task"]
        self.words, self.letters = (
            {token: place for place, token in enumerate(self.about.get(key, [])) if place >= 4}
            for key in ("words", "letters")
        )
        known = enumerate(self.about.get("tokenizer", {}).get("tokens", []))
        self.tokens = {token: place for place, token in known if place >= 4}

    # texts to ids

    def normalise(self, text):
        tokenizer = self.about["tokenizer"]
        text = text.lower() if tokenizer["lowercase"] else text
        return unicodedata.normalize("NFC", text) if tokenizer["nfc"] else text

    def split(self, text):
        """The tokens of a text: characters or words."""
        text = self.normalise(text)
        if self.about["tokenizer"]["unit"] == "character":
            return list(text)
        if self.about["tokenizer"]["tokenized"]:
            return text.split()
        pattern = re.compile(self.about["pattern"], re.IGNORECASE)
        found = []
        for chunk in text.replace(SPACE, " ").split():
            pieces = [match.group() for match in pattern.finditer(SPACE + chunk, 1)]
            found += [SPACE + pieces[0], *pieces[1:]]
        return found

    def ids(self, tokens):
        unknown = self.about["tokenizer"]["unknown"]
        return [self.tokens.get(token, unknown) for token in tokens]

    def text_inputs(self, text):
        tokens = self.split(text)
        most = self.about.get("maximum")
        if most and len(tokens) > most:
            at = {"end": most, "start": 0, "middle": (most + 1) // 2}[self.about["cut"]]
            tokens = tokens[:at] + tokens[at + len(tokens) - most :]
        spelled = "letters" in self.about
        tokens = tokens or ([""] if spelled else [])
        ids = self.ids(tokens) or [self.about["tokenizer"]["unknown"]]
        bare = [token[1:] if token.startswith(SPACE) else token for token in tokens]
        return {"tokens": ids, **self.spellings(bare)}

    def spellings(self, words):
        """The characters of words, between 2 (begin) and 3 (end), and their affixes."""
        if "letters" not in self.about:
            return {}
        rows = []
        for word in words:
            word = word if len(word) <= 30 else word[:15] + word[-15:]
            rows.append([2, *(self.letters.get(letter, 1) for letter in word), 3])
        hashed = "affixes" in self.about
        affixes = {"affixes": [self.affix_ids(row) for row in rows]} if hashed else {}
        return {"characters": rows, **affixes}

    def affix_ids(self, row):
        about = self.about["affixes"]
        inner = [about["folded"][letter] for letter in row[1:-1]]
        ids = []
        for side, letters in enumerate((inner, inner[::-1])):
            code = side + 1
            for place in range(about["longest"]):
                letter = letters[place] if place < len(letters) else 0
                code = (code * 1000003 + letter) % 2147483647
                ids.append(1 + (code ^ (code >> 13)) % about["buckets"])
        return ids

    def sentence_inputs(self, words):
        ids = []
        for word in words:
            word = word.lower() if self.about["lowercase"] else word
            if self.about["zero_digits"]:
                word = "".join("0" if letter.isdigit() else letter for letter in word)
            ids.append(self.words.get(word, self.about["unknown"]))
        return {"tokens": ids, **self.spellings(words)}

    # the operations

    def run(self, inputs, state=None):
        """Named inputs -> the program's output, and the state after it."""
        sizes = self.program["states"].items()
        state = {**{name: np.zeros(size, np.float32) for name, size in sizes}, **(state or {})}
        values = dict(inputs)
        for step in self.program["steps"]:
            w = {role: self.weights[name] for role, name in step["weights"].items()}
            given = [values[name] for name in step["inputs"]]
            values[step["output"]] = getattr(self, "op_" + step["op"])(step, w, state, *given)
        return values[self.program["output"]], state

    def op_embed(self, step, w, state, ids):
        return w["table"][np.asarray(ids, dtype=np.int64)]

    def op_affixes(self, step, w, state, ids):
        return w["table"][np.asarray(ids, dtype=np.int64)].sum(1)

    def op_spell(self, step, w, state, rows):
        width, margin, found = step["width"], step["width"] // 2, []
        filters = w["filters"].reshape(len(w["filters"]), -1, width)
        tables = [w["table"] @ filters[:, :, place].T for place in range(width)]
        for row in rows:
            padded = [0] * margin + list(row) + [0] * (width - 1 - margin)
            total = w["bias"]
            for place in range(width):
                total = total + tables[place][padded[place : place + len(row)]]
            found.append(np.tanh(total.max(0)))
        return np.stack(found)

    def op_scale(self, step, w, state, x):
        x = (np.asarray(x, dtype=np.float64) - w["mean"]) / w["scale"]
        clip = step.get("clip")
        return (x if clip is None else x.clip(-clip, clip)).astype(np.float32)

    def op_linear(self, step, w, state, x):
        x = x @ w["weight"].T + w.get("bias", np.float32(0))
        return ACTIVATIONS[step["activation"]](x) if step["activation"] else x

    op_softmax = staticmethod(lambda step, w, state, x: softmax(x))
    op_sigmoid = staticmethod(lambda step, w, state, x: sigmoid(x))
    op_add = staticmethod(lambda step, w, state, x, y: x + y)
    op_concat = staticmethod(lambda step, w, state, *parts: np.concatenate(parts, -1))
    op_average = staticmethod(lambda step, w, state, *parts: np.mean(parts, 0))

    def op_ordinal(self, step, w, state, x):
        below = sigmoid(w["thresholds"] - x)  # P(grade <= k)
        ends = np.zeros_like(below[..., :1])
        return np.diff(np.concatenate([ends, below, ends + 1], -1))

    def op_recurrent(self, step, w, state, x):
        outputs, last, names = [], [], step.get("states")
        for number in range(step["directions"]):
            begin = [state[name] for name in names] if names else None
            rows = x if number == 0 else x[::-1]
            W, R, B = (w[role][number] for role in "WRB")
            steps, end = self.direction(step, W, R, B, rows, begin)
            outputs.append(steps if number == 0 else steps[::-1])
            last.append(end[0])
            if names:
                state.update(zip(names, end))
        self.last = np.concatenate(last)
        return np.concatenate(outputs, -1)

    def direction(self, step, W, R, B, x, begin):
        size, kind = step["hidden"], step["kind"]
        bias, inner = B[: len(B) // 2], B[len(B) // 2 :]
        h = begin[0] if begin else np.zeros(size, np.float32)
        c = begin[1] if begin and kind == "lstm" else np.zeros(size, np.float32)
        projected, outputs = x @ W.T + bias, []
        for row in projected:
            if kind == "rnn":
                h = ACTIVATIONS[step["activation"]](row + R @ h + inner)
            elif kind == "lstm":  # gates input, output, forget, candidate
                i, o, f, g = np.split(row + R @ h + inner, 4)
                c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
                h = sigmoid(o) * np.tanh(c)
            else:  # gates update, reset, candidate
                zr = sigmoid(row[: 2 * size] + R[: 2 * size] @ h + inner[: 2 * size])
                z, r = zr[:size], zr[size:]
                U, b = R[2 * size :], inner[2 * size :]
                product = r * (U @ h + b) if step["reset_after"] else U @ (r * h) + b
                h = z * h + (1 - z) * np.tanh(row[2 * size :] + product)
            outputs.append(h)
        return np.stack(outputs), ([h, c] if kind == "lstm" else [h])

    def op_pool(self, step, w, state, x):
        kind = step["kind"]
        if kind == "last":
            return self.last[None]
        if kind == "both-ends":
            return np.concatenate([x[0], x[-1]])[None]
        if kind == "middle":
            return x[len(x) // 2][None]
        if kind == "attention":
            scores = np.tanh(x @ w["key"].T + w["bias"]) @ w["question"].T
            return (softmax(scores[:, 0])[:, None] * x).sum(0)[None]
        return (x.max(0) if kind == "max" else x.mean(0))[None]

    # answers

    def predict(self, value):
        """A text, words or numbers -> a dictionary with the prediction."""
        if self.task == "language":
            return self.feed(value, self.start())[0]
        if self.task == "tagging":
            words = value.split() if isinstance(value, str) else list(value)
            tags = self.tag(words) if words else []
            return {"prediction": " ".join(tags), "tags": tags}
        if "tokenizer" in self.about:
            inputs = self.text_inputs(value)
        elif "bases" in self.about:
            most, value = self.about["maximum"], value or "N"
            start = (len(value) - most) // 2 if len(value) > most else 0
            inputs = {"tokens": [self.about["bases"][base] for base in value[start : start + most]]}
        else:
            inputs = {"series": value}
        rows, labels = self.run(inputs)[0], self.about["labels"]
        if self.program["per_step"]:
            found = [labels[place] for place in rows.argmax(-1)]
            return {"prediction": " ".join(found), "labels": found}
        shares = dict(zip(labels, rows[0].tolist()))
        best = [max(shares, key=lambda label: shares[label])]
        if "threshold" in self.about:
            best = [label for label, value in shares.items() if value >= self.about["threshold"]]
        return {"prediction": ", ".join(best), "probabilities": shares}

    def tag(self, words):
        emissions = self.run(self.sentence_inputs(words))[0]
        emissions = emissions if self.about["normalised"] else np.log(softmax(emissions))
        scores = (self.weights["crf." + part] for part in ("start", "transitions", "end"))
        return [self.about["labels"][label] for label in viterbi(emissions, *scores)]

    def start(self):
        """The state before a text of a language model begins."""
        logits, state = self.run({"tokens": [self.about["line_end"]]})
        return {**state, "logits": logits[-1]}

    def feed(self, text, state):
        """A piece of text -> what comes next, and the state after it."""
        inner = {name: value for name, value in state.items() if name != "logits"}
        ids = self.ids(self.split(text))
        logits = state["logits"]
        if ids:
            rows, inner = self.run({"tokens": ids}, inner)
            logits = rows[-1]
        shares = softmax(logits.astype(np.float64))
        shares[self.about["never"]] = 0
        best = np.argsort(-shares, kind="stable")[:5].tolist()
        names, end = self.about["tokenizer"]["tokens"], self.about["line_end"]
        texts = ["\n" if place == end else names[place].replace(SPACE, " ") for place in best]
        found = [{"text": text, "probability": float(shares[i])} for text, i in zip(texts, best)]
        return {"prediction": texts[0], "next": found}, {**inner, "logits": logits}


if __name__ == "__main__":
    model = Runner(Path(__file__).parent)
    for line in sys.argv[1:] or (line.rstrip("\n") for line in sys.stdin):
        print(json.dumps(model.predict(line), ensure_ascii=False))
