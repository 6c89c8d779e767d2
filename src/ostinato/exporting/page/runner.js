"use strict";
// Carries out the operations of an exported program, as runner.py does with NumPy. A sequence of T
// steps of D numbers is {rows: T, size: D, data: Float32Array}.
function createModel(program, weights) {
  const about = program.about;
  const SPACE = "\u2581";
  const matrix = (rows, size) => ({ rows, size, data: new Float32Array(rows * size) });
  const row = (x, t) => x.data.subarray(t * x.size, (t + 1) * x.size);
  const sigmoid = (x) => 1 / (1 + Math.exp(-Math.max(-80, Math.min(80, x))));
  const activations = { tanh: Math.tanh, relu: (x) => Math.max(x, 0), sigmoid };
  const index = (tokens, first) => new Map(tokens.map((token, id) => [token, id]).filter((pair) => pair[1] >= first));
  const tokens = about.tokenizer ? index(about.tokenizer.tokens, about.tokenizer.specials) : null;
  const words = about.words ? index(about.words, 4) : null;
  const letters = about.letters ? index(about.letters, 4) : null;

  // texts to ids
  const LETTER = "(?:[\\p{L}\\p{Nl}\\p{No}]\\p{M}*\\u200c?\\u200d?)+";
  const WORD = new RegExp(
    LETTER + "['’](?=[aeiouyhœæà-åè-ïò-öù-ý])|(?<=[\\p{L}\\p{Nl}\\p{No}])['’]" + LETTER + "|" + LETTER +
      "|\\p{Nd}+(?:[.,:]\\p{Nd}+)*|([^\\p{L}\\p{N}_\\s])\\1*|\\S", "giu");

  function normalise(text) {
    const kind = about.tokenizer;
    if (kind.lowercase) text = text.toLowerCase();
    return kind.nfc ? text.normalize("NFC") : text;
  }

  function split(text) {
    text = normalise(text);
    if (about.tokenizer.unit === "character") return Array.from(text);
    const chunks = (about.tokenizer.tokenized ? text : text.replaceAll(SPACE, " ")).split(/\s+/u).filter(Boolean);
    if (about.tokenizer.tokenized) return chunks;
    const found = [];
    for (const chunk of chunks) {
      const pieces = chunk.match(WORD);
      found.push(SPACE + pieces[0], ...pieces.slice(1));
    }
    return found;
  }

  const idsOf = (list) => list.map((token) => tokens.get(token) ?? about.tokenizer.unknown);

  function affixIds(spelled) {
    const kind = about.affixes;
    const inner = spelled.slice(1, -1).map((letter) => kind.folded[letter]);
    const ids = [];
    for (const [side, list] of [[0, inner], [1, inner.slice().reverse()]]) {
      let code = side + 1;
      for (let place = 0; place < kind.longest; place++) {
        code = (code * 1000003 + (list[place] ?? 0)) % 2147483647;
        ids.push(1 + (code ^ (code >> 13)) % kind.buckets);
      }
    }
    return ids;
  }

  function spellings(list) {
    if (!letters) return {};
    const characters = list.map((word) => {
      let spelled = Array.from(word);
      if (spelled.length > 30) spelled = [...spelled.slice(0, 15), ...spelled.slice(-15)];
      return [2, ...spelled.map((letter) => letters.get(letter) ?? 1), 3];
    });
    return about.affixes ? { characters, affixes: characters.map(affixIds) } : { characters };
  }

  function textInputs(text) {
    let list = split(text);
    const excess = list.length - (about.maximum ?? Infinity);
    if (excess > 0) {
      const most = about.maximum;
      const at = { end: most, start: 0, middle: Math.floor((most + 1) / 2) }[about.cut];
      list = [...list.slice(0, at), ...list.slice(at + excess)];
    }
    if (!list.length && letters) list = [""];
    const ids = list.length ? idsOf(list) : [about.tokenizer.unknown];
    return { tokens: ids, ...spellings(list.map((each) => (each.startsWith(SPACE) ? each.slice(1) : each))) };
  }

  function sentenceInputs(list) {
    const ids = list.map((word) => {
      if (about.lowercase) word = word.toLowerCase();
      if (about.zero_digits) word = word.replace(/\p{Nd}/gu, "0");
      return words.get(word) ?? about.unknown;
    });
    return { tokens: ids, ...spellings(list) };
  }

  // the operations
  function gather(table, size, lists) {
    const out = matrix(lists.length, size);
    lists.forEach((ids, t) => {
      const to = row(out, t);
      for (const id of ids) for (let d = 0; d < size; d++) to[d] += table.data[id * size + d];
    });
    return out;
  }

  // x [T, D] times weight [N, D] transposed, plus bias; from `offset` on in weight and bias
  function product(x, weight, offset, count, bias, biasOffset) {
    const out = matrix(x.rows, count);
    for (let t = 0; t < x.rows; t++) {
      for (let n = 0; n < count; n++) {
        let sum = bias ? bias[biasOffset + n] : 0;
        const from = offset + n * x.size;
        const base = t * x.size;
        for (let d = 0; d < x.size; d++) sum += x.data[base + d] * weight[from + d];
        out.data[t * count + n] = sum;
      }
    }
    return out;
  }

  function dot(weight, offset, h) {
    let sum = 0;
    for (let d = 0; d < h.length; d++) sum += weight[offset + d] * h[d];
    return sum;
  }

  function direction(step, w, number, x, begin) {
    const H = step.hidden;
    const gates = { rnn: 1, gru: 3, lstm: 4 }[step.kind];
    const G = gates * H;
    const B = w.B.data.subarray(number * 2 * G, (number + 1) * 2 * G);
    const R = w.R.data.subarray(number * G * H, (number + 1) * G * H);
    const projected = product(x, w.W.data, number * G * x.size, G, B, 0);
    const out = matrix(x.rows, H);
    let h = begin ? begin[0] : new Float32Array(H);
    let c = begin && step.kind === "lstm" ? begin[1] : new Float32Array(H);
    for (let step_ = 0; step_ < x.rows; step_++) {
      const t = number ? x.rows - 1 - step_ : step_;
      const p = row(projected, t);
      const hidden = (n, from) => dot(R, n * H, from) + B[G + n];
      const next = new Float32Array(H);
      if (step.kind === "rnn") {
        for (let n = 0; n < H; n++) next[n] = activations[step.activation](p[n] + hidden(n, h));
      } else if (step.kind === "lstm") {
        const memory = new Float32Array(H);
        for (let n = 0; n < H; n++) {
          const [i, o, f, g] = [0, 1, 2, 3].map((gate) => p[gate * H + n] + hidden(gate * H + n, h));
          memory[n] = sigmoid(f) * c[n] + sigmoid(i) * Math.tanh(g);
          next[n] = sigmoid(o) * Math.tanh(memory[n]);
        }
        c = memory;
      } else {
        const z = new Float32Array(H);
        const r = new Float32Array(H);
        for (let n = 0; n < H; n++) {
          z[n] = sigmoid(p[n] + hidden(n, h));
          r[n] = sigmoid(p[H + n] + hidden(H + n, h));
        }
        const reset = step.reset_after ? h : h.map((value, n) => value * r[n]);
        for (let n = 0; n < H; n++) {
          const inner = hidden(2 * H + n, reset);
          const candidate = Math.tanh(p[2 * H + n] + (step.reset_after ? r[n] * inner : inner));
          next[n] = z[n] * h[n] + (1 - z[n]) * candidate;
        }
      }
      h = next;
      out.data.set(h, t * H);
    }
    return [out, step.kind === "lstm" ? [h, c] : [h]];
  }

  function concat(parts) {
    const out = matrix(parts[0].rows, parts.reduce((sum, part) => sum + part.size, 0));
    let offset = 0;
    for (const part of parts) {
      for (let t = 0; t < out.rows; t++) out.data.set(row(part, t), t * out.size + offset);
      offset += part.size;
    }
    return out;
  }

  function elementwise(x, f) {
    return { rows: x.rows, size: x.size, data: x.data.map(f) };
  }

  function softmaxOf(values) {
    const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
    const exps = Array.from(values, (value) => Math.exp(value - most));
    const total = exps.reduce((a, b) => a + b, 0);
    return exps.map((value) => value / total);
  }

  let last = null;
  const operations = {
    embed: (step, w, state, ids) => gather(w.table, w.table.shape[1], ids.map((id) => [id])),
    affixes: (step, w, state, lists) => gather(w.table, w.table.shape[1], lists),
    spell(step, w, state, lists) {
      const width = step.width;
      const size = w.filters.shape[0];
      const E = w.filters.shape[1] / width;
      const margin = Math.floor(width / 2);
      const out = matrix(lists.length, size);
      lists.forEach((list, t) => {
        for (let n = 0; n < size; n++) {
          let most = -Infinity;
          for (let at = 0; at < list.length; at++) {
            let sum = w.bias.data[n];
            for (let place = 0; place < width; place++) {
              const letter = list[at + place - margin] ?? 0;
              const from = n * E * width + place;
              for (let e = 0; e < E; e++) sum += w.table.data[letter * E + e] * w.filters.data[from + e * width];
            }
            most = Math.max(most, sum);
          }
          out.data[t * size + n] = Math.tanh(most);
        }
      });
      return out;
    },
    scale(step, w, state, x) {
      const rows = x.map((each) => (Array.isArray(each) ? each : [each]));
      const out = matrix(rows.length, rows[0].length);
      const clip = step.clip ?? Infinity;
      rows.forEach((each, t) => each.forEach((value, d) => {
        const scaled = (value - w.mean.data[d]) / w.scale.data[d];
        out.data[t * out.size + d] = Math.max(-clip, Math.min(clip, scaled));
      }));
      return out;
    },
    concat: (step, w, state, ...parts) => concat(parts),
    add: (step, w, state, x, y) => elementwise(x, (value, n) => value + y.data[y.size === 1 ? Math.floor(n / x.size) : n]),
    average: (step, w, state, ...parts) =>
      elementwise(parts[0], (value, n) => parts.reduce((sum, part) => sum + part.data[n], 0) / parts.length),
    linear(step, w, state, x) {
      const out = product(x, w.weight.data, 0, w.weight.shape[0], w.bias && w.bias.data, 0);
      return step.activation ? elementwise(out, activations[step.activation]) : out;
    },
    softmax(step, w, state, x) {
      const out = matrix(x.rows, x.size);
      for (let t = 0; t < x.rows; t++) out.data.set(softmaxOf(row(x, t)), t * x.size);
      return out;
    },
    sigmoid: (step, w, state, x) => elementwise(x, sigmoid),
    ordinal(step, w, state, x) {
      const bounds = w.thresholds.data;
      const out = matrix(x.rows, bounds.length + 1);
      for (let t = 0; t < x.rows; t++) {
        const below = [0, ...Array.from(bounds, (bound) => sigmoid(bound - x.data[t])), 1];
        for (let k = 0; k < out.size; k++) out.data[t * out.size + k] = below[k + 1] - below[k];
      }
      return out;
    },
    recurrent(step, w, state, x) {
      const parts = [];
      const ends = [];
      for (let number = 0; number < step.directions; number++) {
        const begin = step.states ? step.states.map((name) => state[name]) : null;
        const [out, end] = direction(step, w, number, x, begin);
        parts.push(out);
        ends.push({ rows: 1, size: step.hidden, data: end[0] });
        if (step.states) step.states.forEach((name, n) => (state[name] = end[n]));
      }
      last = concat(ends);
      return parts.length === 1 ? parts[0] : concat(parts);
    },
    pool(step, w, state, x) {
      const one = (values) => ({ rows: 1, size: values.length, data: Float32Array.from(values) });
      if (step.kind === "last") return last;
      if (step.kind === "both-ends") return one([...row(x, 0), ...row(x, x.rows - 1)]);
      if (step.kind === "middle") return one(row(x, Math.floor(x.rows / 2)));
      let shares = new Array(x.rows).fill(1 / x.rows);
      if (step.kind === "attention") {
        const key = elementwise(product(x, w.key.data, 0, w.key.shape[0], w.bias.data, 0), Math.tanh);
        shares = softmaxOf(product(key, w.question.data, 0, 1, null, 0).data);
      }
      const out = new Float64Array(x.size).fill(step.kind === "max" ? -Infinity : 0);
      for (let t = 0; t < x.rows; t++) {
        row(x, t).forEach((value, d) => (out[d] = step.kind === "max" ? Math.max(out[d], value) : out[d] + shares[t] * value));
      }
      return one(out);
    },
  };

  // of forecasts
  const reshape = (x, rows) => ({ rows, size: x.data.length / rows, data: x.data });
  const softplus = (value) => Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value)));
  Object.assign(operations, {
    constant: (step, w) => ({ rows: w.table.shape[0], size: w.table.shape[1], data: w.table.data }),
    stack: (step, w, state, x) => reshape(x, x.rows / step.factor),
    unstack: (step, w, state, x) => reshape(x, x.rows * step.factor),
    repeat(step, w, state, x) {
      const out = matrix(step.rows, x.size);
      for (let t = 0; t < step.rows; t++) out.data.set(row(x, 0), t * x.size);
      return out;
    },
    rows(step, w, state, x) {
      const out = matrix(step.count, x.size);
      out.data.set(x.data.subarray(0, out.data.length));
      return out;
    },
    each(step, w, state, x) {
      const out = matrix(x.rows, step.hidden);
      const begin = step.states.map((name) => state[name]);
      for (let t = 0; t < x.rows; t++) {
        const one = { rows: 1, size: x.size, data: row(x, t) };
        out.data.set(direction(step, w, 0, one, begin)[0].data, t * step.hidden);
      }
      return out;
    },
    quantiles(step, w, state, x) {
      const out = { rows: x.rows, size: x.size, data: x.data.slice() };
      for (let t = 0; t < x.rows; t++) {
        const values = row(out, t);
        for (let q = step.middle + 1; q < x.size; q++) values[q] = values[q - 1] + softplus(values[q] - 3);
        for (let q = step.middle - 1; q >= 0; q--) values[q] = values[q + 1] - softplus(values[q] - 3);
      }
      return out;
    },
  });

  function run(inputs, state) {
    const values = { ...inputs };
    state = { ...zeros(), ...state };
    for (const step of program.steps) {
      const w = {};
      for (const [role, name] of Object.entries(step.weights)) w[role] = weights[name];
      const given = step.inputs.map((name) => values[name]);
      values[step.output] = operations[step.op](step, w, state, ...given);
    }
    return [values[program.output], state];
  }

  const zeros = () => Object.fromEntries(Object.entries(program.states).map(([name, size]) => [name, new Float32Array(size)]));

  // answers
  function viterbi(emissions) {
    const K = about.labels.length;
    const pairs = weights["crf.transitions"].data;
    const rows = Array.from({ length: emissions.rows }, (_, t) =>
      about.normalised ? Array.from(row(emissions, t)) : softmaxOf(row(emissions, t)).map(Math.log));
    let score = rows[0].map((value, k) => value + weights["crf.start"].data[k]);
    const back = [];
    for (const each of rows.slice(1)) {
      const from = new Array(K).fill(0);
      const next = each.map((value, k) => {
        for (let j = 1; j < K; j++) if (score[j] + pairs[j * K + k] > score[from[k]] + pairs[from[k] * K + k]) from[k] = j;
        return score[from[k]] + pairs[from[k] * K + k] + value;
      });
      back.push(from);
      score = next;
    }
    const end = score.map((value, k) => value + weights["crf.end"].data[k]);
    const path = [end.indexOf(Math.max(...end))];
    for (const from of back.reverse()) path.push(from[path[path.length - 1]]);
    return path.reverse().map((k) => about.labels[k]);
  }

  function start() {
    const [logits, state] = run({ tokens: [about.line_end] }, zeros());
    return { ...state, logits: row(logits, logits.rows - 1) };
  }

  function feed(text, state) {
    let { logits, ...inner } = state;
    const ids = idsOf(split(text));
    if (ids.length) {
      const [rows, after] = run({ tokens: ids }, inner);
      inner = after;
      logits = row(rows, rows.rows - 1);
    }
    const shares = softmaxOf(logits);
    for (const id of about.never) shares[id] = 0;
    const best = shares.map((_, id) => id).sort((a, b) => shares[b] - shares[a] || a - b).slice(0, 5);
    const name = (id) => (id === about.line_end ? "\n" : about.tokenizer.tokens[id].replaceAll(SPACE, " "));
    const next = best.map((id) => ({ text: name(id), probability: shares[id] }));
    return [{ prediction: next[0].text, next, shares, name }, { ...inner, logits }];
  }

  const forecast = about.task === "forecasting" ? createForecaster(about, run) : null;

  function predict(value) {
    if (forecast) return forecast(value);
    if (about.task === "language") return feed(value, start())[0];
    if (about.task === "tagging") {
      const list = typeof value === "string" ? value.split(/\s+/u).filter(Boolean) : value;
      const tags = list.length ? viterbi(run(sentenceInputs(list), zeros())[0]) : [];
      return { prediction: tags.join(" "), tags, words: list };
    }
    let inputs = { series: value };
    if (about.tokenizer) inputs = textInputs(value);
    if (about.bases) {
      const begin = value.length > about.maximum ? Math.floor((value.length - about.maximum) / 2) : 0;
      inputs = { tokens: Array.from((value || "N").slice(begin, begin + about.maximum), (base) => about.bases[base]) };
    }
    const rows = run(inputs, zeros())[0];
    if (program.per_step) {
      const labels = Array.from({ length: rows.rows }, (_, t) => {
        const values = Array.from(row(rows, t));
        return about.labels[values.indexOf(Math.max(...values))];
      });
      return { prediction: labels.join(" "), labels };
    }
    const pairs = about.labels.map((label, k) => [label, rows.data[k]]);
    let best = [pairs.reduce((a, b) => (b[1] > a[1] ? b : a))[0]];
    if (about.threshold !== undefined) best = pairs.filter((pair) => pair[1] >= about.threshold).map((pair) => pair[0]);
    return { prediction: best.join(", "), probabilities: Object.fromEntries(pairs) };
  }

  return { about, start, feed, predict };
}

// base64 of all weights one after another -> {name: {shape, data}}, int8 with a scale for each row
function decodeWeights(entries, text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const floats = (offset, count) => new Float32Array(bytes.buffer.slice(offset, offset + 4 * count));
  const found = {};
  for (const { name, shape, offset, scales } of entries) {
    const count = shape.reduce((a, b) => a * b, 1);
    if (scales === null) {
      found[name] = { shape, data: floats(offset, count) };
      continue;
    }
    const width = shape[shape.length - 1];
    const scale = floats(scales, count / width);
    const small = new Int8Array(bytes.buffer, offset, count);
    const data = new Float32Array(count);
    for (let place = 0; place < count; place++) data[place] = small[place] * scale[Math.floor(place / width)];
    found[name] = { shape, data };
  }
  return found;
}
