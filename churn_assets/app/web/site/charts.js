"use strict";

// Drawings and tables of the monitoring page. Every drawing tells its figures in words, and a table holds them too.

const CHART = { width: 720, height: 230, left: 78, right: 708, top: 14, base: 190 };
const TICKS = 4;
const LONG = 30; // letters of a cell that may take several lines
const number = (value, digits = 3) => (value === null || value === undefined ? "" : value.toFixed(digits));
const shortDay = (day) => new Date(`${day}T00:00:00`).toLocaleDateString("en-GB", { day: "numeric", month: "short" });
const dayNumber = (day) => Date.parse(day) / 86400000;
const severityTag = (severity) => make("span", { class: `tag ${{ ok: "low", warning: "medium", error: "high" }[severity] ?? ""}` }, severity);
const hint = (text) => make("p", { class: "hint" }, text);

function table(name, headings, rows) {
  const head = make("tr", {}, ...headings.map((each) => make("th", { scope: "col" }, each)));
  const isLong = (cell) => (cell?.textContent ?? String(cell ?? "")).length > LONG;
  const lines = rows.map((cells) => make("tr", {}, ...cells.map((cell) => make("td", isLong(cell) ? { class: "words" } : {}, cell ?? ""))));
  const whole = make("table", {}, make("thead", {}, head), make("tbody", {}, ...lines));
  return make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": name }, whole);
}

function folded(title, ...children) {
  return make("details", {}, make("summary", {}, title), ...children);
}

function scaleOf(series, bounds) {
  const days = series.flatMap((each) => each.points.map((point) => dayNumber(point.day)));
  const values = [...bounds.limits.map((each) => each.value), ...series.flatMap((each) => each.points.flatMap((point) => [point.value, point.low ?? point.value, point.high ?? point.value]))];
  const [first, last] = [Math.min(...days), Math.max(...days)];
  const pad = Math.max((Math.max(...values) - Math.min(...values)) * 0.08, 0.002);
  const low = bounds.fromZero ? 0 : Math.max(0, Math.min(...values) - pad);
  const high = Math.max(...values) + pad;
  return {
    low, high,
    x: (day) => CHART.left + ((CHART.right - CHART.left) * (dayNumber(day) - first + (first === last ? 0.5 : 0))) / Math.max(1, last - first),
    y: (value) => CHART.base - ((CHART.base - CHART.top) * (value - low)) / (high - low),
  };
}

function drawSeries(drawing, { name, kind, points }, { x, y }, format) {
  const band = points.filter((point) => point.low !== null && point.low !== undefined);
  if (band.length > 1) {
    const corners = [...band.map((point) => [point.day, point.high]), ...[...band].reverse().map((point) => [point.day, point.low])];
    drawing.append(make("polygon", { class: "band", points: corners.map(([day, value]) => `${x(day)},${y(value)}`).join(" ") }));
  }
  drawing.append(make("polyline", { class: `series ${kind}`, points: points.map((point) => `${x(point.day)},${y(point.value)}`).join(" ") }));
  if (kind === "bound") return;
  for (const point of points) {
    const dot = make("circle", { class: `mark ${kind} ${point.severity ?? ""}`, cx: x(point.day), cy: y(point.value), r: point.severity && point.severity !== "ok" ? 5 : 3 });
    dot.append(make("title", {}, `${point.day}, ${name}: ${format(point.value)}`));
    drawing.append(dot);
  }
}

// Lines over days. A series is a name, a kind (its look) and points: day, value, and low and high where there is an interval.
function lineChart(title, series, format, { fromZero = false, marks = [], limits = [] } = {}) {
  const drawn = series.filter((each) => each.points.length);
  const scale = scaleOf(drawn, { fromZero, limits });
  const told = [...drawn.map((each) => `${each.name}: ${each.points.map((point) => `${point.day} ${format(point.value)}`).join(", ")}`), ...limits.map(({ severity, value }) => `${severity} above ${format(value)}`)].join("; ");
  const drawing = make("svg", { viewBox: `0 0 ${CHART.width} ${CHART.height}`, role: "img", "aria-label": `${title}. ${told}` });
  for (let tick = 0; tick <= TICKS; tick += 1) {
    const value = scale.low + ((scale.high - scale.low) * tick) / TICKS;
    drawing.append(make("line", { class: "axis", x1: CHART.left, x2: CHART.right, y1: scale.y(value), y2: scale.y(value) }));
    if (tick % 2 === 0) drawing.append(make("text", { x: CHART.left - 8, y: scale.y(value) + 4, "text-anchor": "end" }, format(value)));
  }
  for (const { severity, value } of limits) {
    const line = make("line", { class: `bound ${severity}`, x1: CHART.left, x2: CHART.right, y1: scale.y(value), y2: scale.y(value) });
    line.append(make("title", {}, `${severity} above ${format(value)}`));
    drawing.append(line);
  }
  for (const day of marks) {
    const line = make("line", { class: "change", x1: scale.x(day), x2: scale.x(day), y1: CHART.top, y2: CHART.base });
    line.append(make("title", {}, `another model from ${day} on`));
    drawing.append(line);
  }
  for (const each of drawn) drawSeries(drawing, each, scale, format);
  const days = [...new Set(drawn.flatMap((each) => each.points.map((point) => point.day)))].sort();
  for (const [day, anchor] of days.length > 1 ? [[days[0], "start"], [days.at(-1), "end"]] : [[days[0], "middle"]]) {
    drawing.append(make("text", { x: scale.x(day), y: CHART.height - 12, "text-anchor": anchor }, day));
  }
  const items = drawn.map((each) => make("li", {}, keyOf(each.kind), each.name));
  items.push(...limits.map(({ severity, value }) => make("li", {}, keyOf(`bound ${severity}`), `${severity} above ${format(value)}`)));
  if (marks.length) items.push(make("li", {}, keyOf("change"), "another model"));
  return make("div", { class: "chart" }, drawing, make("ul", { class: "legend" }, ...items));
}

function keyOf(kind) {
  const key = make("svg", { width: 26, height: 10, "aria-hidden": "true" });
  key.append(make("line", { class: `series ${kind}`, x1: 0, x2: 26, y1: 5, y2: 5 }));
  return key;
}

// A table of small bars, a row for each name and a column for each day: cells are { share, look, words } by day.
function dayGrid(caption, days, rows) {
  const lines = rows.map(({ head, cells, chosen }) => {
    const bars = days.map((day) => {
      const cell = cells.get(day);
      const words = cell ? cell.words : "nothing";
      const bar = make("span", { class: `bar ${cell ? `${cell.look} of-${cell.height}` : "none"}`, "aria-hidden": "true" });
      return make("td", { title: `${day}: ${words}` }, bar, make("span", { class: "spoken" }, words));
    });
    return make("tr", chosen ? { class: "chosen" } : {}, make("th", { scope: "row" }, head), ...bars);
  });
  const headings = days.map((day, index) => {
    const written = (days.length - 1 - index) % 7 === 0 ? shortDay(day) : "";
    return make("th", { scope: "col" }, make("span", { class: "spoken" }, day), make("span", { class: "shown", "aria-hidden": "true" }, written));
  });
  return make("table", { class: "grid" },
    make("caption", { class: "spoken" }, caption),
    make("thead", {}, make("tr", {}, make("td"), ...headings)),
    make("tbody", {}, ...lines));
}

// Every day from the first to the last, both included, whether or not there is something.
function daysBetween(first, last) {
  const count = dayNumber(last) - dayNumber(first) + 1;
  return Array.from({ length: count }, (_, index) => new Date((dayNumber(first) + index) * 86400000).toISOString().slice(0, 10));
}
