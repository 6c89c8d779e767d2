"use strict";
const byId = (id) => document.getElementById(id);
const stored = JSON.parse(byId("program").textContent);
const model = createModel(stored.program, decodeWeights(stored.weights, byId("weights").textContent.trim()));
window.model = model;

function showShares(pairs) {
  byId("shares").replaceChildren();
  for (const [name, share] of pairs) {
    const line = byId("shares").insertRow();
    line.insertCell().textContent = name === " " ? "␣" : name.replaceAll("\n", "⏎");
    const meter = document.createElement("meter");
    meter.value = share;
    line.insertCell().append(meter);
    line.insertCell().textContent = (100 * share).toFixed(1) + " %";
  }
}

function showForecast(text) {
  byId("shares").replaceChildren();
  byId("picture").replaceChildren();
  if (!text.trim()) {
    byId("answer").textContent = "the past of a series, a line a step: date,value or a value alone";
    return;
  }
  let answer, given;
  try {
    given = parseSeries(text);
    answer = model.predict(given);
  } catch (error) {
    byId("answer").textContent = error.message;
    return;
  }
  byId("picture").append(drawForecast(given.y, answer));
  const columns = Object.keys(answer);
  const head = byId("shares").insertRow();
  for (const name of columns) head.insertCell().textContent = name === "prediction" ? "forecast" : name;
  answer.prediction.forEach((_, n) => {
    const line = byId("shares").insertRow();
    for (const name of columns) {
      const value = answer[name][n];
      line.insertCell().textContent = typeof value === "number" ? String(Number(value.toPrecision(6))) : value;
    }
  });
}

function update() {
  const text = byId("input").value;
  let value = text;
  byId("answer").textContent = "";
  if (model.about.task === "forecasting") return showForecast(text);
  if (model.about.dimensions) {
    try {
      value = JSON.parse(text);
    } catch {
      byId("answer").textContent = "a list of steps, each a list of " + model.about.dimensions + " numbers";
      return;
    }
  }
  const found = model.predict(value);
  if (found.next) showShares(found.next.map((each) => [each.text, each.probability]));
  else if (found.probabilities) showShares(Object.entries(found.probabilities).sort((a, b) => b[1] - a[1]));
  if (found.words) byId("answer").textContent = found.words.map((word, n) => word + "/" + found.tags[n]).join(" ");
  else if (!found.next) byId("answer").textContent = found.prediction;
}

let timer = 0;
byId("input").addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(update, 60);
});
byId("generate").hidden = model.about.task !== "language";
byId("generate").addEventListener("click", () => {
  let text = byId("input").value;
  let [answer, state] = model.feed(text, model.start());
  for (let step = 0; step < 200; step++) {
    let left = Math.random() * answer.shares.reduce((a, b) => a + b, 0);
    let id = 0;
    while (id < answer.shares.length - 1 && (left -= answer.shares[id]) > 0) id++;
    const piece = answer.name(id);
    text += piece;
    [answer, state] = model.feed(piece, state);
  }
  byId("input").value = text;
  update();
});
byId("about").textContent = model.about.task + ", in this file alone: nothing is sent anywhere";
update();
