"use strict";

// The page for the retention team. Text from elsewhere goes into text nodes, never into markup.

const PAGE = 25;
const HISTORY_DAYS = 14;

const tag = (tier) => make("span", { class: `tag ${["low", "medium", "high"].includes(tier) ? tier : ""}` }, tier);
const actionText = (action) => ({ none: "nothing to do", offer: "make an offer", review: "have a look" })[action] ?? action;

function showSummary(summary) {
  const share = (count) => (summary.rows ? `${percent(count / summary.rows)} of all` : "");
  const [high, medium] = [summary.tiers.high ?? 0, summary.tiers.medium ?? 0];
  const offers = summary.actions.offer ?? 0;
  at("tiles").replaceChildren(
    tile("Customers", whole.format(summary.rows), `mean risk ${percent(summary.mean_probability)}`),
    tile("High risk", whole.format(high), share(high)),
    tile("Medium risk", whole.format(medium), share(medium)),
    tile("Offers to make", whole.format(offers), `${whole.format(summary.actions.review ?? 0)} to review`),
  );
  const day = new Date(`${summary.snapshot_date}T00:00:00`).toLocaleDateString("en-GB", { dateStyle: "full" });
  at("when").textContent = `As of the end of ${day}`;
  showNotice(summary.stale ? `These scores are out of date: they were fresh until ${moment(summary.fresh_until)}.` : "");
  const models = Object.keys(summary.models).join(", ") || summary.model_version;
  at("version").textContent = `Model ${models} · scores ${summary.score_version} · published ${moment(summary.published_at)}`;
  drawHistogram(summary);
}

function drawHistogram(summary) {
  const [width, height, base] = [720, 230, 200];
  const most = Math.max(1, ...summary.histogram);
  const step = width / summary.histogram.length;
  const listed = summary.histogram.map((count, bin) => `${5 * bin} to ${5 * bin + 5} %: ${whole.format(count)}`).join("; ");
  const drawing = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Customers by risk. ${listed}` });
  let [below, low, medium] = [0, summary.tiers.low ?? 0, summary.tiers.medium ?? 0];
  summary.histogram.forEach((count, bin) => {
    const middle = below + count / 2;
    const tier = middle <= low && low ? "low" : middle <= low + medium && medium ? "medium" : "high";
    below += count;
    const barHeight = count ? Math.max(2, (base - 24) * (count / most)) : 0;
    const bar = make("rect", { x: bin * step + 3, y: base - barHeight, width: step - 6, height: barHeight, rx: 3, class: `bar-${tier}` });
    bar.append(make("title", {}, `${5 * bin} to ${5 * bin + 5} %: ${whole.format(count)}`));
    drawing.append(bar);
    if (count) drawing.append(make("text", { x: (bin + 0.5) * step, y: base - barHeight - 5, "text-anchor": "middle", class: "count" }, whole.format(count)));
  });
  drawing.append(make("line", { x1: 0, x2: width, y1: base, y2: base, class: "axis" }));
  for (const mark of [0, 25, 50, 75, 100]) {
    const anchor = mark === 0 ? "start" : mark === 100 ? "end" : "middle";
    drawing.append(make("text", { x: (width * mark) / 100, y: height - 6, "text-anchor": anchor }, `${mark} %`));
  }
  at("histogram").replaceChildren(drawing);
}

function riskRow(score) {
  const open = make("button", { type: "button", class: "link" }, score.customer_id.length > 60 ? `${score.customer_id.slice(0, 60)}…` : score.customer_id);
  open.addEventListener("click", () => find(score.customer_id));
  const meter = make("svg", { width: 60, height: 8, "aria-hidden": "true" });
  meter.append(
    make("rect", { width: 60, height: 8, rx: 4, class: "track" }),
    make("rect", { width: 60 * score.churn_probability, height: 8, rx: 4, class: `bar-${score.risk_tier}` }),
  );
  return make("tr", {},
    make("td", {}, open),
    make("td", { class: "number" }, percent(score.churn_probability), meter),
    make("td", {}, tag(score.risk_tier)),
    make("td", {}, score.action));
}

async function loadRisk(after) {
  const turn = state.turn;
  const page = await ask("/v1/customers/at-risk", { limit: PAGE, after, snapshot_date: state.day });
  if (turn !== state.turn) return;
  const rows = page.scores.map(riskRow);
  if (after) at("risk").append(...rows); else at("risk").replaceChildren(...rows);
  if (after) rows[0]?.querySelector("button").focus();
  state.next = page.next;
  at("more").hidden = !page.next;
  at("risk-empty").hidden = at("risk").childElementCount > 0;
}

function drawHistory(scores) {
  const days = [...scores].reverse();
  const [width, height, left, right, top, base] = [720, 200, 52, 700, 16, 160];
  const x = (index) => (days.length === 1 ? (left + right) / 2 : left + ((right - left) * index) / (days.length - 1));
  const y = (share) => base - (base - top) * share;
  const listed = days.map((each) => `${each.snapshot_date}: ${percent(each.churn_probability)}`).join("; ");
  const drawing = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Risk over the days. ${listed}` });
  for (const share of [0, 0.5, 1]) {
    drawing.append(make("line", { x1: left, x2: right, y1: y(share), y2: y(share), class: "axis" }));
    drawing.append(make("text", { x: 0, y: y(share) + 5 }, percent(share, 0)));
  }
  drawing.append(make("polyline", { class: "line", points: days.map((each, index) => `${x(index)},${y(each.churn_probability)}`).join(" ") }));
  days.forEach((each, index) => {
    const dot = make("circle", { class: "dot", cx: x(index), cy: y(each.churn_probability), r: 5 });
    dot.append(make("title", {}, `${each.snapshot_date}: ${percent(each.churn_probability)}`));
    drawing.append(dot);
  });
  for (const index of days.length > 1 ? [0, days.length - 1] : [0]) {
    const anchor = days.length === 1 ? "middle" : index ? "end" : "start";
    drawing.append(make("text", { x: x(index), y: height - 10, "text-anchor": anchor }, days[index].snapshot_date));
  }
  return make("div", { class: "history" }, drawing);
}

async function find(customer) {
  at("find").value = customer;
  const shown = at("customer");
  shown.hidden = false;
  shown.replaceChildren(make("p", { class: "hint" }, "Looking"));
  const title = make("h3", {}, customer.length > 300 ? `${customer.slice(0, 300)}…` : customer);
  try {
    const batch = await fetchOne(customer);
    const [score] = batch.scores;
    if (!score) {
      shown.replaceChildren(title, make("p", { class: "hint" }, `No score on ${batch.snapshot_date}: is it a new customer, or spelled otherwise?`));
    } else {
      const verdict = make("p", { class: "verdict" }, make("span", { class: "figure" }, percent(score.churn_probability)), tag(score.risk_tier), actionText(score.action));
      shown.replaceChildren(title, verdict, ...drawReasons(score));
      const history = await ask(`/v1/history/${encodeURIComponent(customer)}`, { days: HISTORY_DAYS }).catch(() => ({ scores: [] }));
      if (history.scores.length) shown.append(make("p", { class: "hint" }, `Risk over the last ${history.scores.length} days with scores`), drawHistory(history.scores));
    }
    shown.focus();
    shown.scrollIntoView({ block: "nearest" });
  } catch (error) {
    shown.hidden = true;
    showError(error);
  }
}

// A batch of one: it carries ids that no address can.
async function fetchOne(customer) {
  const headers = { "Content-Type": "application/json", ...(state.key ? { Authorization: `Bearer ${state.key}` } : {}) };
  const body = { customer_ids: [customer], reasons: true, ...(state.day ? { snapshot_date: state.day } : {}) };
  const response = await fetch("/v1/scores:batchGet", { method: "POST", headers, body: JSON.stringify(body) });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, answer.detail ?? "The score service gave no answer.");
  return answer;
}

async function load() {
  const turn = ++state.turn;
  try {
    const [summary, snapshots] = await Promise.all([ask("/v1/summary", { snapshot_date: state.day }), ask("/v1/snapshots")]);
    if (turn !== state.turn) return;
    const days = snapshots.snapshots.map((each) => each.snapshot_date);
    at("day").replaceChildren(...days.map((day, index) => make("option", { value: index ? day : "" }, day)));
    at("day").value = days.indexOf(state.day) > 0 ? state.day : "";
    at("day").disabled = false;
    at("key-form").hidden = true;
    at("content").hidden = false;
    showSummary(summary);
    loadDrivers();
    await loadRisk(null);
  } catch (error) {
    at("when").textContent = "";
    showError(error);
  }
}

at("day").addEventListener("change", (event) => {
  state.day = event.target.value;
  at("customer").hidden = true;
  load();
});
at("more").addEventListener("click", () => loadRisk(state.next).catch(showError));
at("find-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (at("find").value) find(at("find").value);
});
load();
