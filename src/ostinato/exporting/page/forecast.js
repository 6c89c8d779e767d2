"use strict";
// The past of a series -> its coming values with intervals, as forecast_runner.py does it.
function createForecaster(about, run) {
  const DAY = 86400;
  const [unit, count, monthEnd] = about.frequency;

  // a date as milliseconds, without a time zone; "2026-01-31 12:00" or "2026-01-31"
  function parseDate(text) {
    const found = String(text).trim().match(/^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?/);
    if (!found) throw new Error("a date such as 2026-01-31 or 2026-01-31 12:00 is expected; got " + text);
    const [year, month, day, hour, minute, second] = found.slice(1).map((each) => Number(each ?? 0));
    return Date.UTC(year, month - 1, day, hour, minute, second);
  }

  // the date that is so many steps after the last; before it where they are negative
  function move(last, steps) {
    if (unit === "second") return last + 1000 * count * steps;
    const date = new Date(last);
    if (unit === "month") {
      const number = 12 * date.getUTCFullYear() + date.getUTCMonth() + count * steps;
      const [year, month] = [Math.floor(number / 12), ((number % 12) + 12) % 12];
      const longest = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
      const day = monthEnd ? longest : Math.min(date.getUTCDate(), longest);
      return Date.UTC(year, month, day) + (last % (1000 * DAY));
    }
    const weekday = (date.getUTCDay() + 6) % 7; // business days
    const moved = weekday + steps;
    return last + 1000 * DAY * (7 * Math.floor(moved / 5) + (((moved % 5) + 5) % 5) - weekday);
  }

  // the share of a period that is over
  const shares = {
    "minute of hour": (date) => (60 * date.getUTCMinutes() + date.getUTCSeconds()) / 3600,
    "hour of day": (date) => (3600 * date.getUTCHours() + 60 * date.getUTCMinutes() + date.getUTCSeconds()) / DAY,
    "day of week": (date) => ((date.getUTCDay() + 6) % 7) / 7,
    "day of month": (date) => (date.getUTCDate() - 1) / 31,
    "day of year": (date) => (Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()) - Date.UTC(date.getUTCFullYear(), 0, 1)) / (1000 * DAY) / 366,
  };
  const calendarOf = (time) =>
    about.calendar.flatMap((name) => {
      const angle = 2 * Math.PI * shares[name](new Date(time));
      return [Math.sin(angle), Math.cos(angle)];
    });
  const write = (time) => {
    const text = new Date(time).toISOString().slice(0, 19).replace("T", " ");
    return unit === "second" && count % DAY ? text : text.slice(0, 10);
  };

  const shift = about.smallest <= 0 ? 1 : 0;
  const log = about.scaling === "log";
  const transform = (value) => (log ? Math.log(Math.max(value + shift, 1e-6)) : value);
  const inverse = (value) => (log ? Math.exp(Math.min(value, 700)) - shift : value);
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const positive = (scale, otherwise) =>
    scale > 1e-9 * Math.max(1e-12, Math.abs(otherwise)) ? scale : otherwise > 0 ? otherwise : 1;

  function quantile(sorted, level) {
    const place = level * (sorted.length - 1);
    const low = Math.floor(place);
    const high = Math.min(low + 1, sorted.length - 1);
    return sorted[low] + (place - low) * (sorted[high] - sorted[low]);
  }

  // [centre, scale] of the window, or of the series in training
  function measure(name, values, window) {
    if (about.scales.length) {
      const known = about.names.indexOf(name);
      if (known >= 0) return about.scales[known];
      window = values;
    }
    const seen = window.filter((value) => !Number.isNaN(value)).map(transform);
    if (about.scaling === "none" || !seen.length) return [0, 1];
    if (about.scaling === "mean") return [0, positive(mean(seen.map(Math.abs)), 1)];
    const centre = mean(seen);
    if (log) return [centre, 1];
    const deviation = Math.sqrt(mean(seen.map((value) => (value - centre) ** 2)));
    if (about.scaling === "robust") {
      const sorted = Float64Array.from(seen).sort();
      const [low, middle, high] = [0.25, 0.5, 0.75].map((level) => quantile(sorted, level));
      return [middle, positive((high - low) / 1.349, deviation)];
    }
    return [centre, positive(deviation, Math.abs(centre))];
  }

  // the in-sample seasonal error, the unit of corrections
  function seasonalError(values) {
    for (const lag of [about.season, 1]) {
      const errors = values.slice(lag).map((value, n) => Math.abs(value - values[n])).filter((each) => !Number.isNaN(each));
      if (errors.length) return mean(errors);
    }
    return 0;
  }

  return function forecast(value) {
    const given = Array.isArray(value) ? { y: value } : value;
    const values = given.y.map((each) => (each === null || each === "" ? NaN : Number(each)));
    if (values.every(Number.isNaN)) throw new Error("the series has no value");
    const window = values.slice(-about.look_back);
    const [centre, scale] = measure(given.unique_id, values, window);
    const scaled = window.map((each) => (transform(each) - centre) / scale);
    const seen = scaled.filter((each) => !Number.isNaN(each));
    const anchor = about.anchor && seen.length ? seen[seen.length - 1] : 0;
    const steps = scaled.length;
    let dates = null;
    if (given.ds && given.ds.length) {
      const last = parseDate(given.ds[given.ds.length - 1]);
      dates = Array.from({ length: steps + about.horizon }, (_, n) => move(last, n + 1 - steps));
    }
    if (about.calendar.length && !dates) throw new Error("this model reads the calendar: give date,value in each line");

    const masked = about.masked ? 1 : 0;
    const size = 1 + masked + 2 * about.calendar.length;
    const past = { rows: about.look_back, size, data: new Float32Array(about.look_back * size) };
    const line = { rows: 1, size: about.look_back, data: new Float32Array(about.look_back) };
    scaled.forEach((each, n) => {
      const t = about.look_back - steps + n;
      const there = !Number.isNaN(each);
      past.data[t * size] = line.data[t] = there ? each - anchor : 0;
      if (masked) past.data[t * size + 1] = there ? 1 : 0;
      if (about.calendar.length) past.data.set(calendarOf(dates[n]), t * size + 1 + masked);
    });
    const inputs = { past, window: line, series: [0] };
    if (about.calendar.length) {
      const data = Float32Array.from(dates.slice(steps).flatMap(calendarOf));
      inputs.coming = { rows: about.horizon, size: 2 * about.calendar.length, data };
    }
    if (about.embedded) inputs.series = [about.names.indexOf(given.unique_id) + 1];

    const raw = run(inputs)[0];
    const error = seasonalError(values);
    const middle = about.levels.indexOf(0.5);
    const rows = Array.from({ length: about.horizon }, (_, t) => {
      const plain = Array.from(raw.data.subarray(t * raw.size, (t + 1) * raw.size), (each) => inverse(each * scale + centre + anchor * scale));
      const moved = plain.map((each, q) => (q === middle ? each : each + error * about.correction[t][q]));
      for (let q = middle + 1; q < moved.length; q++) moved[q] = Math.max(moved[q], moved[q - 1]);
      for (let q = middle - 1; q >= 0; q--) moved[q] = Math.min(moved[q], moved[q + 1]);
      return moved;
    });
    const column = (level) => rows.map((each) => each[about.levels.indexOf(level)]);
    const answer = { prediction: column(0.5), "lo-80": column(0.1), "hi-80": column(0.9), "lo-95": column(0.025), "hi-95": column(0.975) };
    return dates ? { ds: dates.slice(steps).map(write), ...answer } : answer;
  };
}

// lines of date,value or of a value alone -> what a forecaster reads; the header's name of the value, or the first of
// three columns, is the series' name
function parseSeries(text) {
  let name = "";
  const rows = text.split(/\r?\n/).filter((line) => line.trim()).map((line) => line.split(/[,;\t]/).map((field) => field.trim()));
  if (rows.length && rows[0][rows[0].length - 1] !== "" && Number.isNaN(Number(rows[0][rows[0].length - 1]))) name = rows.shift().pop();
  const y = rows.map((row) => (row[row.length - 1] === "" ? null : Number(row[row.length - 1])));
  const bad = y.findIndex(Number.isNaN);
  if (bad >= 0) throw new Error("no number: " + rows[bad].join(","));
  const several = new Set(rows.filter((row) => row.length === 3).map((row) => row[0]));
  if (several.size > 1) throw new Error("rows of several series; give those of one");
  const given = { y, unique_id: [...several][0] || name };
  return rows.length && rows[0].length > 1 ? { ...given, ds: rows.map((row) => row[row.length - 2]) } : given;
}

// past and forecast with both intervals as a picture
function drawForecast(past, answer) {
  const [width, height, margin] = [700, 260, 8];
  const shown = past.slice(-4 * answer.prediction.length);
  const all = [...shown, ...answer["lo-95"], ...answer["hi-95"]].filter((each) => each !== null);
  const [low, high] = [all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))];
  const count = shown.length + answer.prediction.length;
  const x = (n) => (margin + ((width - 2 * margin) * n) / Math.max(1, count - 1)).toFixed(1);
  const y = (value) => (height - margin - ((height - 2 * margin) * (value - low)) / (high - low || 1)).toFixed(1);
  const make = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const picture = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", width: "100%" });
  picture.setAttribute("aria-label", "the past, the forecast and its 80 and 95 percent intervals");
  const place = (values) => values.map((value, n) => [x(shown.length + n), y(value)].join(","));
  for (const [level, opacity] of [["95", 0.15], ["80", 0.25]]) {
    const points = [...place(answer["hi-" + level]), ...place(answer["lo-" + level]).reverse()];
    picture.append(make("polygon", { points: points.join(" "), fill: "#0072b2", opacity }));
  }
  const line = (points, color) => picture.append(make("polyline", { points: points.join(" "), fill: "none", stroke: color, "stroke-width": 2 }));
  line(shown.map((value, n) => (value === null ? null : [x(n), y(value)].join(","))).filter(Boolean), "currentColor");
  line(place(answer.prediction), "#0072b2");
  return picture;
}
