"use strict";
// Everything that comes from the server or from the user is shown as text, never as markup.
const element = (id) => document.getElementById(id);
let model = null;
let session = null;
let controller = null;

function headers(extra) {
  const token = element("token").value;
  return token ? { ...extra, Authorization: "Bearer " + token } : extra;
}

async function call(path, body, method = "POST") {
  const options = { method, headers: headers({ "Content-Type": "application/json" }) };
  if (body !== undefined) options.body = JSON.stringify(body);
  const response = await fetch(path, options);
  if (response.status === 401) element("access").hidden = false;
  const content = await response.json();
  if (!response.ok) throw new Error(content.error);
  return content;
}

function showShares(pairs) {
  const table = element("shares");
  table.replaceChildren();
  for (const [name, share] of pairs) {
    const row = table.insertRow();
    row.insertCell().textContent = name === " " ? "␣" : name.replaceAll("\n", "⏎");
    const meter = document.createElement("meter");
    meter.value = share;
    row.insertCell().append(meter);
    row.insertCell().textContent = (100 * share).toFixed(1) + " %";
  }
}

function show(found) {
  element("answer").textContent = found.prediction;
  const shares = found.probabilities;
  if (shares && !Array.isArray(shares)) showShares(Object.entries(shares).sort((a, b) => b[1] - a[1]));
  else if (found.next) showShares(found.next.map((each) => [each.text, each.probability]));
  else if (found.suggestions) showShares(found.suggestions.map((each) => [each.word, each.probability]));
  else showShares([]);
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
  if (!/numbers|frames|pitches/.test(model.input)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function predict() {
  show((await call("/predict", { inputs: [readInput()] })).predictions[0]);
}

// what comes next, while one types: the state before the text is fetched by creating a session
async function suggest() {
  if (!model.generates || !model.carries_state) return;
  if (session) call("/sessions/" + session, undefined, "DELETE").catch(() => {});
  session = null;
  session = (await call("/sessions", {})).session;
  show((await call("/sessions/" + session, { inputs: [element("input").value] })).outputs[0]);
  element("answer").textContent = "";
}

async function generate() {
  controller = new AbortController();
  element("stop").hidden = false;
  element("answer").textContent = "";
  showShares([]);
  try {
    const response = await fetch("/generate", {
      method: "POST",
      headers: headers({ "Content-Type": "application/json" }),
      body: JSON.stringify({ prompt: element("input").value, temperature: 0.8, seed: Date.now() % 1e9 }),
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
        if (each.startsWith("event: token")) element("answer").textContent += data.text;
        if (each.startsWith("event: error")) throw new Error(data.error);
      }
    }
  } finally {
    element("stop").hidden = true;
  }
}

async function begin() {
  model = await call("/model", undefined, "GET");
  element("access").hidden = !element("token").value;
  element("title").textContent = model.name;
  element("about").textContent = `${model.task}; ${model.parameters.toLocaleString("en")} parameters; reads ${model.input}`;
  element("generate").hidden = !model.generates;
}

let timer = 0;
element("predict").addEventListener("click", () => guarded(predict));
element("generate").addEventListener("click", () => guarded(generate));
element("stop").addEventListener("click", () => controller && controller.abort());
element("token").addEventListener("change", () => guarded(begin));
element("input").addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => guarded(suggest), 150);
});
guarded(begin);
