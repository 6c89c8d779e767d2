"use strict";
// Everything that comes from the server or from the user is shown as text, never as markup;
// panels.js, which `ostinato inspect` draws its pages with, has make, drawView and redraws.
const element = (id) => document.getElementById(id);
const PAUSE = 200; // milliseconds without a key before the answer is computed anew
const FILES = { transcription: "audio/*", captioning: "image/*,.npz", video: ".npz", forecasting: ".csv", anomaly: ".csv" };
const FIRST_VIEWS = ["attention", "gates"];
let model = null; // what GET /model tells
let prefix = ""; // of the paths of the model
let view = ""; // the name of the open view
let round = 0; // of the newest computation: what older ones answer is dropped
let controller = null; // of the generation in progress
let timer = 0;
let answered = 0; // pictures of the answer among `redraws`; those of the view come after them

function headers(extra) {
  const token = element("token").value;
  return token ? { ...extra, Authorization: "Bearer " + token } : extra;
}

async function call(path, body, method = "POST", type = "application/json") {
  const options = { method, headers: headers(body === undefined ? {} : { "Content-Type": type }) };
  if (body !== undefined) options.body = type === "application/json" ? JSON.stringify(body) : body;
  const response = await fetch(path, options);
  if (response.status === 401) element("access").hidden = false;
  const content = await response.json();
  if (!response.ok) throw new Error(content.error);
  return content;
}

async function guarded(work) {
  element("error").textContent = "";
  try {
    await work();
  } catch (error) {
    if (error.name !== "AbortError") element("error").textContent = error.message;
  }
}

function readInput() {
  const text = element("input").value;
  if (model.reads_text) return text;
  if (!text.trim()) throw new Error("nothing to answer yet: it reads " + model.input);
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("expected JSON: it reads " + model.input);
  }
}

function shares(pairs, caption) {
  const grid = make("table", {}, make("caption", { class: "label", text: caption }));
  for (const [name, share] of pairs) {
    const row = grid.insertRow();
    row.insertCell().textContent = visible(name);
    const meter = make("meter");
    meter.value = share;
    row.insertCell().append(meter);
    row.insertCell().textContent = (100 * share).toFixed(1) + " %";
  }
  return grid;
}

// a prediction: its text, and what it has of probabilities, alternatives, tags, words, forecasts
function show(found) {
  const box = element("answer");
  redraws.length = 0;
  box.replaceChildren(make("pre", { text: found.prediction }));
  const panel = (kind, content) => {
    const frame = make("section", { class: "panel", "data-kind": kind });
    frame.append(make("h2", { text: content.title }));
    box.append(frame);
    DRAW[kind](content, frame);
  };
  const { probabilities, n_best: best, tags, words, forecast, scores } = found;
  if (probabilities && !Array.isArray(probabilities)) box.append(shares(Object.entries(probabilities).sort((a, b) => b[1] - a[1]), "probabilities"));
  if (found.suggestions) box.append(shares(found.suggestions.map((each) => [each.word, each.probability]), "next words"));
  if (Array.isArray(best) && best.length) {
    const texts = best.map((each) => (Array.isArray(each) ? each : [each.prediction ?? each.text ?? JSON.stringify(each), each.log_probability ?? each.score ?? null]));
    panel("table", { title: "Alternatives", columns: ["answer", "log-probability"], rows: texts.map(([text, score]) => [String(text), score]) });
  }
  if (Array.isArray(tags) && Array.isArray(words)) panel("table", { title: "Tags", columns: ["word", "tag"], rows: words.map((word, at) => [String(word), String(tags[at])]) });
  else if (Array.isArray(words) && words.length && words[0].word !== undefined) panel("table", { title: "Words", columns: ["word", "start", "end", "confidence"], rows: words.map((each) => [each.word, each.start, each.end, each.confidence]) });
  if (Array.isArray(forecast)) {
    const series = { forecast };
    for (const name of Object.keys(found)) if (/^(lo|hi)-/.test(name)) series[name] = found[name];
    panel("lines", { title: "Forecast", columns: found.ds.map(String), column_name: "step", series, log: false });
  }
  if (Array.isArray(scores) && scores.length) panel("lines", { title: "Scores", columns: scores.map((_, at) => String(at + 1)), column_name: "step", series: { score: scores }, log: false });
  redraws.forEach((draw) => draw());
  answered = redraws.length;
}

// what comes next, while one types: a session is fed the text, and left again
async function suggest(text) {
  const { session } = await call(prefix + "/sessions", {});
  try {
    return (await call(`${prefix}/sessions/${session}`, { inputs: [text] })).outputs[0].next || [];
  } finally {
    call(`${prefix}/sessions/${session}`, undefined, "DELETE").catch(() => {});
  }
}

function showNext(found) {
  const buttons = found.map(({ text, probability }) => {
    const button = make("button", { type: "button" }, visible(text), make("span", { text: (100 * probability).toFixed(1) + " %" }));
    button.addEventListener("click", () => {
      const space = model.words && element("input").value && !/\s$/.test(element("input").value) ? " " : "";
      element("input").value += space + text;
      element("input").focus();
      guarded(recompute);
    });
    return button;
  });
  element("next").replaceChildren(...buttons);
  element("next").hidden = !buttons.length;
}

async function recompute() {
  const mine = ++round, value = readInput();
  element("state").textContent = "…";
  try {
    if (model.suggests) {
      const next = await suggest(value);
      if (mine === round) showNext(next);
    } else {
      const { predictions } = await call(prefix + "/predict", { inputs: [value] });
      if (mine === round) show(predictions[0]);
    }
    if (mine === round) await look(value);
  } finally {
    if (mine === round) element("state").textContent = "";
  }
}

async function look(value) {
  const mine = round, box = element("view");
  if (!view || value === "") { box.replaceChildren(); return; }
  const found = await call(`${prefix}/inspect/${view}`, { input: value, panels: true });
  if (mine === round) drawLook(found, box);
}

function drawLook(found, box) {
  redraws.length = answered;
  box.replaceChildren();
  drawView(found, box, "h2");
  redraws.forEach((draw) => draw());
}

async function sendFile(file) {
  const kinds = { npz: "application/x-npz", csv: "text/csv" };
  const type = kinds[file.name.split(".").pop().toLowerCase()] || file.type || "application/octet-stream";
  const { predictions } = await call(prefix + "/predict", file, "POST", type);
  show(predictions[0]);
  for (const each of predictions.slice(1)) element("answer").append(make("pre", { text: each.prediction }));
  if (view) drawLook(await call(`${prefix}/inspect/${view}?panels`, file, "POST", type), element("view"));
}

async function generate() {
  controller = new AbortController();
  element("stop").hidden = false;
  const text = make("pre", { text: "" });
  element("answer").replaceChildren(text);
  try {
    const response = await fetch(prefix + "/generate", {
      method: "POST",
      headers: headers({ "Content-Type": "application/json" }),
      body: JSON.stringify({ prompt: model.reads_text ? element("input").value : null, temperature: 0.8, seed: Date.now() % 1e9 }),
      signal: controller.signal,
    });
    if (!response.ok) throw new Error((await response.json()).error);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let waiting = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      waiting += value;
      const events = waiting.split("\n\n");
      waiting = events.pop();
      for (const each of events) {
        const data = JSON.parse(each.slice(each.indexOf("data: ") + 6));
        if (each.startsWith("event: token")) text.append(data.text);
        if (each.startsWith("event: error")) throw new Error(data.error);
      }
    }
  } finally {
    element("stop").hidden = true;
  }
}

function offerViews() {
  view = FIRST_VIEWS.find((name) => model.views.includes(name)) || model.views[0] || "";
  const buttons = model.views.map((name) => {
    const button = make("button", { type: "button", text: name, "aria-pressed": String(name === view) });
    button.addEventListener("click", () => {
      view = view === name ? "" : name;
      for (const each of element("views").children) each.setAttribute("aria-pressed", String(each.textContent === view));
      round++;
      guarded(() => look(readInput()));
    });
    return button;
  });
  element("views").replaceChildren(...buttons);
  element("views").hidden = !buttons.length;
}

async function begin() {
  const { models } = await call("/models", undefined, "GET");
  const chosen = element("model").value || models[0];
  element("model").replaceChildren(...models.map((name) => make("option", { value: name, text: name })));
  element("model").value = chosen;
  element("choice").hidden = models.length < 2;
  prefix = models.length < 2 ? "" : "/models/" + encodeURIComponent(chosen);
  model = await call(prefix + "/model", undefined, "GET");
  element("access").hidden = !element("token").value;
  element("title").textContent = model.name;
  element("prompt").textContent = "Input: " + model.input;
  element("about").textContent = `${model.task}; ${model.parameters.toLocaleString("en")} parameters`;
  element("generate").hidden = !model.generates;
  element("upload").hidden = !(model.task in FILES);
  element("file").accept = FILES[model.task] || "";
  for (const id of ["answer", "next", "view"]) element(id).replaceChildren();
  element("next").hidden = true;
  offerViews();
  if (element("input").value) await recompute();
}

function themed() {
  const dark = isDark();
  element("theme").textContent = dark ? "Light" : "Dark";
  element("theme").setAttribute("aria-pressed", String(dark));
}

element("form").addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(timer);
  guarded(recompute);
});
element("generate").addEventListener("click", () => guarded(generate));
element("stop").addEventListener("click", () => controller && controller.abort());
element("token").addEventListener("change", () => guarded(begin));
element("model").addEventListener("change", () => guarded(begin));
element("file").addEventListener("change", () => element("file").files[0] && guarded(() => sendFile(element("file").files[0])));
element("input").addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => model && guarded(recompute), PAUSE);
});
element("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  themed();
  redraws.forEach((draw) => draw());
});
addEventListener("resize", () => requestAnimationFrame(() => redraws.forEach((draw) => draw())));
themed();
guarded(begin);
