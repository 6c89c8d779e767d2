"use strict";
// The views' data -> the page. Every text goes in by textContent: none of it is ever read as HTML.
const SEQUENTIAL = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"];
const DIVERGING = ["#2d004b", "#552d84", "#8073ac", "#b2abd2", "#d8daeb", "#f7f7f7", "#fee0b6", "#fdb863", "#e08214", "#b35806", "#7f3b08"];
const LINES = [["#0072b2", "#63b3ed"], ["#b84a00", "#ff9a57"], ["#007a5a", "#33c79b"], ["#a3487c", "#e59ac4"], ["#555555", "#bbbbbb"]];
const DASHES = ["", "7 4", "2 3", "9 3 2 3"];
const SVG = "http://www.w3.org/2000/svg";
const MOST_ROWS = 300;

function make(tag, options = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "text") element.textContent = value; else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}
function shape(tag, options = {}, text = null) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(options)) element.setAttribute(name, value);
  if (text !== null) element.textContent = text;
  return element;
}
function format(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number") return String(value);
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(7)));
}
function visible(token) { return token.replace(/\n/g, "⏎").replace(/^\s+$/, "␣").replace(/^ /, ""); }
function rgb(hex) { return [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16)); }
function palette(stops) {
  const table = new Uint8Array(256 * 3), colours = stops.map(rgb);
  for (let i = 0; i < 256; i++) {
    const at = i / 255 * (stops.length - 1), low = Math.min(stops.length - 2, Math.floor(at));
    for (let c = 0; c < 3; c++) table[3 * i + c] = Math.round(colours[low][c] + (at - low) * (colours[low + 1][c] - colours[low][c]));
  }
  return table;
}
const TABLES = { signed: palette(DIVERGING), fraction: palette(SEQUENTIAL), positive: palette(SEQUENTIAL) };
function isDark() {
  const set = document.documentElement.dataset.theme;
  return set ? set === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
function colourOf(series) { return LINES[series % LINES.length][isDark() ? 1 : 0]; }
const redraws = [];  // what is drawn on canvas, and again when the theme or the width changes

function unpack(panel) {
  const bytes = Uint8Array.from(atob(panel.values), letter => letter.charCodeAt(0));
  if (panel.packing === "u1") return { levels: bytes, value: null };
  const values = new Float32Array(bytes.buffer), [low, high] = panel.limits, levels = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) levels[i] = Math.max(0, Math.min(255, Math.round((values[i] - low) / (high - low) * 255)));
  return { levels, value: values };
}

function heatmap(panel, box) {
  const rows = panel.rows.length, columns = panel.columns.length, { levels, value } = unpack(panel), table = TABLES[panel.scale];
  if (!rows || !columns) { box.append(make("p", { text: "nothing to draw" })); return; }
  const image = make("canvas", { width: columns, height: rows });
  const pixels = new ImageData(columns, rows);
  for (let i = 0; i < levels.length; i++) {
    const at = 3 * levels[i];
    pixels.data.set([table[at], table[at + 1], table[at + 2], 255], 4 * i);
  }
  image.getContext("2d").putImageData(pixels, 0, 0);
  const wide = columns > 400 ? 4 : Math.max(9, Math.min(columns <= 30 ? 34 : 26, Math.floor((columns <= 30 ? 340 : 1100) / columns))), high = Math.max(1, Math.min(16, Math.floor(380 / rows)));
  const longest = Math.max(...panel.columns.slice(0, 2000).map(name => name.length));
  const below = wide >= 9 ? Math.min(90, 10 + 6 * Math.min(longest, 14)) : 16;
  const left = rows <= 40 && high >= 9 ? Math.min(120, 8 + 6.2 * Math.max(...panel.rows.map(name => Math.min(name.length, 18)))) : 0;
  const frame = make("div", { class: "heat", tabindex: "0", role: "application", "aria-roledescription": "heat map",
    "aria-label": `${panel.title}: down ${rows} (${panel.row_name}), across ${columns} (${panel.column_name}). Arrow keys read the values.` });
  const canvas = make("canvas", { "aria-hidden": "true" }), space = make("div"), readout = make("output", { "aria-live": "polite" });
  space.style.width = `${left + columns * wide + 4}px`; space.style.height = `${rows * high + below}px`;
  space.append(canvas); frame.append(space);
  let cursor = null;
  function draw() {
    const ratio = devicePixelRatio || 1, width = Math.min(frame.clientWidth, left + columns * wide + 4), height = Math.min(frame.clientHeight || 640, rows * high + below);
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
      canvas.style.width = `${width}px`; canvas.style.height = `${height}px`;
    }
    const pen = canvas.getContext("2d"), style = getComputedStyle(document.documentElement), x0 = frame.scrollLeft, y0 = frame.scrollTop;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = style.getPropertyValue("--ground"); pen.fillRect(0, 0, width, height);
    pen.imageSmoothingEnabled = false;
    pen.save(); pen.beginPath(); pen.rect(left, 0, width - left, height); pen.clip();
    pen.drawImage(image, left - x0, -y0, columns * wide, rows * high);
    pen.fillStyle = style.getPropertyValue("--ink"); pen.font = "11px system-ui, sans-serif";
    const first = Math.max(0, Math.floor(x0 / wide)), last = Math.min(columns, Math.ceil((x0 + width) / wide));
    const every = wide >= 9 ? 1 : 25;
    for (let c = Math.ceil(first / every) * every; c < last; c += every) {
      pen.save(); pen.translate(left + c * wide - x0 + wide / 2 + 4, rows * high - y0 + 4);
      if (wide >= 9) pen.rotate(Math.PI / 2);
      pen.fillText(wide >= 9 ? visible(panel.columns[c]).slice(0, 14) : String(c + 1), 0, wide >= 9 ? 8 : 10); pen.restore();
    }
    if (cursor) {
      pen.strokeStyle = "#ffffff"; pen.lineWidth = 3;
      const at = [left + cursor[1] * wide - x0, cursor[0] * high - y0, wide, Math.max(3, high)];
      pen.strokeRect(...at); pen.strokeStyle = "#d00000"; pen.lineWidth = 1.5; pen.strokeRect(...at);
    }
    pen.restore();
    if (left) for (let r = 0; r < rows; r++) pen.fillText(visible(panel.rows[r]).slice(0, 18), 4, r * high - y0 + high - 3);
  }
  function tell(row, column) {
    cursor = [row, column];
    const at = row * columns + column, name = visible(panel.columns[column]);
    const step = name === String(column + 1) ? `${panel.column_name} ${column + 1}` : `${panel.column_name} ${column + 1} “${name}”`;
    const [low, top] = panel.limits;
    const shown = value ? format(value[at]) : `about ${(low + levels[at] / 255 * (top - low)).toPrecision(2)} (8 bits here; exact in .json)`;
    readout.textContent = `${panel.row_name} ${panel.rows[row]}, ${step}: ${shown}`;
    draw();
  }
  frame.addEventListener("keydown", event => {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -columns], End: [0, columns], PageUp: [-10, 0], PageDown: [10, 0] };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const [down, right] = cursor ? moves[event.key] : [0, 0], [row, column] = cursor || [0, 0];
    const to = [Math.max(0, Math.min(rows - 1, row + down)), Math.max(0, Math.min(columns - 1, column + right))];
    const x = left + to[1] * wide, y = to[0] * high;
    if (x - left < frame.scrollLeft) frame.scrollLeft = x - left;
    if (x + wide > frame.scrollLeft + frame.clientWidth) frame.scrollLeft = x + wide - frame.clientWidth;
    if (y < frame.scrollTop) frame.scrollTop = y;
    if (y + high > frame.scrollTop + frame.clientHeight) frame.scrollTop = y + high - frame.clientHeight;
    tell(...to);
  });
  frame.addEventListener("mousemove", event => {
    const edge = frame.getBoundingClientRect();
    const column = Math.floor((event.clientX - edge.left - 1 + frame.scrollLeft - left) / wide), row = Math.floor((event.clientY - edge.top - 1 + frame.scrollTop) / high);
    if (row >= 0 && row < rows && column >= 0 && column < columns) tell(row, column);
  });
  frame.addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
  const legend = make("div", { class: "legend" }), bar = make("canvas", { width: 120, height: 10, "aria-hidden": "true" }), ink = bar.getContext("2d");
  for (let i = 0; i < 120; i++) { const at = 3 * Math.round(i / 119 * 255); ink.fillStyle = `rgb(${table[at]},${table[at + 1]},${table[at + 2]})`; ink.fillRect(i, 0, 1, 10); }
  const [low, top] = panel.limits;
  legend.append(make("span", {}, `${Number(low.toPrecision(3))} `, bar, ` ${Number(top.toPrecision(3))}`), make("span", { text: `down: ${panel.row_name}; across: ${panel.column_name}` }));
  if (panel.left_out) legend.append(make("span", { text: `the ${rows} that vary the most; ${panel.left_out} left out` }));
  box.append(frame, readout, legend);
  redraws.push(draw);
}

function numbers(columns, rows, title) {
  const details = make("details"), summary = make("summary", { text: "Numbers" });
  details.append(summary);
  details.addEventListener("toggle", () => { if (details.open && details.children.length === 1) table({ title, columns, rows: rows() }, details); }, { once: true });
  return details;
}

function lines(panel, box) {
  const names = Object.keys(panel.series), count = panel.columns.length;
  const frame = make("div", { tabindex: "0", role: "application", "aria-roledescription": "line chart",
    "aria-label": `${panel.title}. Lines: ${names.join(", ")}. Left and right arrow keys read the values.` });
  const readout = make("output", { "aria-live": "polite" }), legend = make("div", { class: "legend" });
  let cursor = null;
  function draw() {
    const width = Math.max(240, frame.clientWidth), height = 220, left = 62, right = 12, top = 10, bottom = count <= 60 ? 16 + 6.2 * Math.min(9, Math.max(...panel.columns.map(name => String(name).length))) : 28;
    const all = names.flatMap(name => panel.series[name]).filter(value => value !== null && (!panel.log || value > 0));
    const scale = value => panel.log ? Math.log10(value) : value;
    let low = Infinity, high = -Infinity;
    for (const value of all) { low = Math.min(low, scale(value)); high = Math.max(high, scale(value)); }
    if (!all.length) { low = 0; high = 1; }
    if (!panel.log && low > 0 && low < high / 2) low = 0;
    if (high - low < 1e-12) { high += 0.5; low -= 0.5; }
    const x = step => left + (count > 1 ? step / (count - 1) : 0.5) * (width - left - right), y = value => top + (high - scale(value)) / (high - low) * (height - top - bottom);
    const svg = shape("svg", { width, height, "aria-hidden": "true" });
    for (let tick = 0; tick <= 4; tick++) {
      const at = low + (high - low) * tick / 4, place = top + (high - at) / (high - low) * (height - top - bottom);
      svg.append(shape("line", { x1: left, x2: width - right, y1: place, y2: place, class: "axis" }));
      svg.append(shape("text", { x: left - 6, y: place + 4, "text-anchor": "end", class: "soft" }, Number((panel.log ? 10 ** at : at).toPrecision(2)).toString()));
    }
    const every = Math.max(1, Math.ceil(count / Math.max(1, Math.floor((width - left) / (count <= 60 ? 14 : 70)))));
    for (let step = 0; step < count; step += every) {
      const name = visible(String(panel.columns[step])).slice(0, 9);
      svg.append(count <= 60 ? shape("text", { transform: `translate(${x(step) - 3},${height - bottom + 8}) rotate(90)`, class: "soft" }, name)
        : shape("text", { x: x(step), y: height - bottom + 16, "text-anchor": "middle", class: "soft" }, String(step + 1)));
    }
    names.forEach((name, at) => {
      let path = "", pen = "M";
      const dots = panel.series[name].filter(value => value !== null).length <= 60;
      panel.series[name].forEach((value, step) => {
        if (value === null || (panel.log && value <= 0)) return;
        if (dots) svg.append(shape("circle", { cx: x(step), cy: y(value), r: 2.5, fill: colourOf(at) }));
        path += `${pen}${x(step).toFixed(1)},${y(value).toFixed(1)}`; pen = "L";
      });
      svg.append(shape("path", { d: path || "M0,0", fill: "none", stroke: colourOf(at), "stroke-width": 2, "stroke-dasharray": DASHES[Math.floor(at / LINES.length + at) % DASHES.length] }));
    });
    if (cursor !== null) svg.append(shape("line", { x1: x(cursor), x2: x(cursor), y1: top, y2: height - bottom, stroke: "var(--ink)" }));
    frame.replaceChildren(svg);
    legend.replaceChildren(...names.map((name, at) => {
      const sample = shape("svg", { width: 30, height: 10, "aria-hidden": "true" });
      sample.append(shape("line", { x1: 0, x2: 30, y1: 5, y2: 5, stroke: colourOf(at), "stroke-width": 2, "stroke-dasharray": DASHES[Math.floor(at / LINES.length + at) % DASHES.length] }));
      return make("span", {}, sample, name);
    }));
    frame.place = event => Math.round((event.clientX - frame.getBoundingClientRect().left - left) / Math.max(1, width - left - right) * (count - 1));
  }
  function tell(step) {
    cursor = Math.max(0, Math.min(count - 1, step));
    readout.textContent = `${panel.column_name} ${visible(String(panel.columns[cursor]))}: ` + names.map(name => `${name} ${format(panel.series[name][cursor]) || "none"}`).join("; ");
    draw();
  }
  frame.addEventListener("keydown", event => {
    const moves = { ArrowLeft: -1, ArrowRight: 1, Home: -count, End: count };
    if (event.key in moves) { event.preventDefault(); tell(cursor === null ? 0 : cursor + moves[event.key]); }
  });
  frame.addEventListener("mousemove", event => tell(frame.place(event)));
  box.append(frame, readout, legend);
  box.append(numbers([panel.column_name, ...names], () => panel.columns.map((name, step) => [name, ...names.map(each => panel.series[each][step])]), panel.title));
  redraws.push(draw);
}

function table(panel, box) {
  const scroll = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": panel.title }), grid = make("table");
  const isNumber = panel.columns.map((_, at) => panel.rows.length > 0 && panel.rows.every(row => typeof row[at] === "number" || row[at] === null));
  grid.append(make("thead", {}, make("tr", {}, ...panel.columns.map((name, at) => make("th", { scope: "col", text: name, class: isNumber[at] ? "number" : "" })))));
  const body = make("tbody");
  const add = rows => body.append(...rows.map(row => make("tr", {}, ...row.map((value, at) => make("td", { text: typeof value === "string" ? visible(value) : format(value), class: isNumber[at] ? "number" : "" })))));
  add(panel.rows.slice(0, MOST_ROWS));
  grid.append(body); scroll.append(grid); box.append(scroll);
  if (!panel.rows.length) box.append(make("p", { text: "none" }));
  if (panel.rows.length > MOST_ROWS) {
    const more = make("button", { type: "button", text: `All ${panel.rows.length} rows` });
    more.addEventListener("click", () => { add(panel.rows.slice(MOST_ROWS)); more.remove(); });
    box.append(more);
  }
}

function text(panel, box) {
  const largest = Math.max(1e-300, ...panel.values.map(Math.abs)), signed = panel.values.some(value => value < 0), colours = TABLES[signed ? "signed" : "positive"];
  const frame = make("div", { class: "tokens", tabindex: "0", role: "application", "aria-roledescription": "coloured text",
    "aria-label": `${panel.title}: ${panel.tokens.join(" ").slice(0, 300)}. Left and right arrow keys read the values.` });
  const readout = make("output", { "aria-live": "polite" });
  let here = -1;
  const spans = panel.tokens.map((token, at) => {
    const level = 3 * Math.round((signed ? 0.5 + panel.values[at] / largest / 2 : panel.values[at] / largest) * 255), [r, g, b] = colours.slice(level, level + 3);
    const span = make("span", { "aria-hidden": "true", text: visible(token) });
    span.style.background = `rgb(${r},${g},${b})`;
    span.style.color = luminance(r, g, b) > 0.18 ? "#000" : "#fff";
    span.addEventListener("mouseenter", () => tell(at));
    return span;
  });
  const joined = panel.tokens.every(token => token.length <= 1);
  spans.forEach(span => frame.append(span, joined ? "" : " "));
  function tell(at) {
    if (here >= 0) spans[here].classList.remove("here");
    here = Math.max(0, Math.min(spans.length - 1, at)); spans[here].classList.add("here");
    readout.textContent = `step ${here + 1} “${visible(panel.tokens[here])}”: ${panel.value_name} ${format(panel.values[here])}`;
  }
  frame.addEventListener("keydown", event => {
    const moves = { ArrowLeft: -1, ArrowRight: 1 };
    if (event.key in moves) { event.preventDefault(); tell(here + moves[event.key]); }
  });
  box.append(frame, readout, numbers(["step", "token", panel.value_name], () => panel.tokens.map((token, at) => [at + 1, token, panel.values[at]]), panel.title));
}
function luminance(...colour) {
  const [r, g, b] = colour.map(value => { const part = value / 255; return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function graph(panel, box) {
  const across = 112, down = 66, wide = 96, high = 38;
  const width = across * (1 + Math.max(0, ...panel.nodes.map(node => node[0]))) + 12, height = down * (1 + Math.max(0, ...panel.nodes.map(node => node[1]))) + 8;
  const kinds = [...new Set(panel.edges.map(edge => edge[2]))], frame = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${panel.title}. ${panel.nodes.length} boxes; they are listed below.` });
  const legend = make("div", { class: "legend" });
  const x = node => 6 + node[0] * across + wide / 2, y = node => 4 + node[1] * down + high / 2;
  function draw() {
    const svg = shape("svg", { width, height, role: "img", "aria-label": panel.title }), marks = shape("defs");
    kinds.forEach((kind, at) => {
      const mark = shape("marker", { id: `arrow${panel.number}-${at}`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" });
      mark.append(shape("path", { d: "M0,0L8,4L0,8z", fill: colourOf(at) })); marks.append(mark);
    });
    svg.append(marks);
    for (const [start, end, kind] of panel.edges) {
      const a = panel.nodes[start], b = panel.nodes[end], at = kinds.indexOf(kind), dx = x(b) - x(a), dy = y(b) - y(a);
      const cut = (w, h) => Math.min(Math.abs(dx) ? w / Math.abs(dx) : 9, Math.abs(dy) ? h / Math.abs(dy) : 9, 0.49), t = cut(wide / 2, high / 2);
      svg.append(shape("line", { x1: x(a) + dx * t, y1: y(a) + dy * t, x2: x(b) - dx * t, y2: y(b) - dy * t, stroke: colourOf(at), "stroke-width": kind === "best" ? 3 : 1.6, "stroke-dasharray": DASHES[at % DASHES.length], "marker-end": `url(#arrow${panel.number}-${at})` }));
    }
    for (const node of panel.nodes) {
      const box = shape("g");
      box.append(shape("rect", { x: x(node) - wide / 2, y: y(node) - high / 2, width: wide, height: high, rx: 6, class: `box ${node[4]}` }));
      box.append(shape("text", { x: x(node), y: y(node) - (node[3] ? 3 : -4), "text-anchor": "middle", class: `on ${node[4]}` }, visible(node[2]).slice(0, 15)));
      if (node[3]) box.append(shape("text", { x: x(node), y: y(node) + 12, "text-anchor": "middle", class: `on ${node[4]}` }, visible(node[3]).slice(0, 15)));
      box.append(shape("title", {}, `${node[2]} ${node[3]} ${node[4] === "plain" ? "" : node[4]}`));
      svg.append(box);
    }
    frame.replaceChildren(svg);
    legend.replaceChildren(...kinds.filter(Boolean).map(kind => {
      const at = kinds.indexOf(kind), sample = shape("svg", { width: 30, height: 10, "aria-hidden": "true" });
      sample.append(shape("line", { x1: 0, x2: 30, y1: 5, y2: 5, stroke: colourOf(at), "stroke-width": 2, "stroke-dasharray": DASHES[at % DASHES.length] }));
      return make("span", {}, sample, kind);
    }), ...["best", "finished", "pruned"].filter(kind => panel.nodes.some(node => node[4] === kind)).map(kind => {
      const sample = shape("svg", { width: 30, height: 14, "aria-hidden": "true" });
      sample.append(shape("rect", { x: 2, y: 2, width: 24, height: 10, rx: 3, class: `box ${kind}` }));
      return make("span", {}, sample, kind);
    }));
  }
  box.append(frame, legend, numbers(["box", "detail", "kind", "comes from"], () => panel.nodes.map((node, at) => [node[2], node[3], node[4], panel.edges.filter(edge => edge[1] === at).map(edge => panel.nodes[edge[0]][2]).join(", ")]), panel.title));
  redraws.push(draw);
}

function scatter(panel, box) {
  const frame = make("div", { role: "img", "aria-label": `${panel.title}: ${panel.names.join(", ")}` });
  function draw() {
    const width = Math.max(240, frame.clientWidth), height = Math.min(520, width), edge = 46;
    const fit = (values, size) => { const low = Math.min(...values), high = Math.max(...values); return value => edge + (value - low) / (high - low || 1) * (size - 2 * edge); };
    const x = fit(panel.x, width), y = fit(panel.y, height), svg = shape("svg", { width, height, "aria-hidden": "true" });
    panel.names.forEach((name, at) => {
      const [a, b] = [x(panel.x[at]), height - y(panel.y[at])];
      svg.append(panel.marked[at] ? shape("rect", { x: a - 4, y: b - 4, width: 8, height: 8, fill: colourOf(1) }) : shape("circle", { cx: a, cy: b, r: 3, fill: colourOf(0) }));
      svg.append(shape("text", { x: a + 6, y: b + 4, "font-weight": panel.marked[at] ? 700 : 400 }, visible(name)));
    });
    frame.replaceChildren(svg);
  }
  box.append(frame, numbers(["word", "x", "y"], () => panel.names.map((name, at) => [name, panel.x[at], panel.y[at]]), panel.title));
  redraws.push(draw);
}

const DRAW = { heatmap, lines, table, text, graph, scatter };
let panelNumber = 0;
// a view's input, answer, notes and panels into a section, the panels' titles as headings
function drawView(view, section, heading) {
  if (view.text) section.append(make("p", { class: "input" }, make("span", { class: "label", text: "Input: " }), view.text));
  if (view.answer) section.append(make("p", { class: "answer" }, make("span", { class: "label", text: "Answer: " }), view.answer));
  if (view.notes.length) section.append(make("ul", { class: "notes" }, ...view.notes.map(note => make("li", { text: note, class: /VANISHES|EXPLODES/.test(note) ? "warn" : "" }))));
  const grid = make("div", { class: "panels" });
  section.append(grid);
  for (const panel of view.panels) {
    const narrow = panel.kind === "heatmap" && panel.columns.length <= 30;
    const box = make("section", { class: narrow ? "panel narrow" : "panel", "data-kind": panel.kind });
    box.append(make(heading, { text: panel.title }));
    panel.number = panelNumber++;
    grid.append(box);
    DRAW[panel.kind](panel, box);
  }
}
function build() {
  const views = JSON.parse(document.getElementById("data").textContent), main = document.getElementById("main"), nav = document.getElementById("views");
  main.replaceChildren();
  views.forEach((view, at) => {
    const section = make("section", { id: `view-${at}`, "data-view": view.name });
    if (views.length > 1) { section.append(make("h2", { text: view.title })); nav.append(make("a", { href: `#view-${at}`, text: view.title })); }
    main.append(section);
    drawView(view, section, views.length > 1 ? "h3" : "h2");
  });
  if (views.length < 2) nav.remove();
  const redraw = () => redraws.forEach(draw => draw());
  redraw();
  addEventListener("resize", () => requestAnimationFrame(redraw));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  const theme = document.getElementById("theme");
  const label = () => { theme.textContent = isDark() ? "Light" : "Dark"; theme.setAttribute("aria-pressed", String(isDark())); };
  theme.addEventListener("click", () => { document.documentElement.dataset.theme = isDark() ? "light" : "dark"; label(); redraw(); });
  label();
  document.documentElement.dataset.ready = "true";
}
if (document.getElementById("data")) build();
