"use strict";

// The monitoring page: one answer of /v1/monitoring, drawn. Its address holds what is shown: ?day=D&feature=F.

const DAYS = 30;
const OPEN_ROWS = 7; // of publications: a week
const shown = { answer: null, day: "", feature: "" };
const everybody = (arm) => shown.answer.realized_performance.filter((row) => row.arm === arm && row.roc_auc !== null);

function readAddress() {
  const query = new URLSearchParams(location.search);
  shown.day = query.get("day") ?? "";
  shown.feature = query.get("feature") ?? "";
}

function addressOf(day, feature) {
  const query = new URLSearchParams(Object.entries({ day, feature }).filter(([, value]) => value));
  return query.size ? `/monitoring?${query}` : "/monitoring";
}

function featureLink(feature) {
  const link = make("a", { href: addressOf(shown.day, feature), ...(feature === shown.feature ? { "aria-current": "true" } : {}) }, feature);
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.pushState(null, "", link.href);
    readAddress();
    draw();
    at("feature-card").focus();
    at("feature-card").scrollIntoView({ block: "nearest" });
  });
  return link;
}

function fill(id, name, parts) {
  const note = shown.answer.notes.find((each) => each.table === name);
  at(id).replaceChildren(...parts, ...(note ? [hint(note.sentence)] : parts.length ? [] : [hint("Nothing of these days.")]));
}

function draw() {
  const { answer, feature } = shown;
  drawVerdict(answer);
  drawTiles(answer);
  fill("drift", "feature_drift", drawDrift(answer, feature, featureLink));
  at("feature-card").hidden = !feature;
  at("feature-title").textContent = feature;
  at("feature").replaceChildren(...(feature ? drawFeature(answer, feature) : []));
  fill("score-drift", "score_drift", drawScoreDrift(answer));
  fill("performance", "realized_performance", drawPerformance(answer));
  fill("calibration", "realized_performance", drawCalibration(answer));
  fill("quarantine", "quarantine", drawQuarantine(answer));
  fill("alerts", "alerts", drawAlerts(answer));
  fill("publications", "churn_scores", drawPublications(answer));
  fill("promotions", "promotions", drawPromotions(answer));
  document.title = ["Monitoring of churn scores", answer.until, feature].filter(Boolean).join(", ");
  at("when").textContent = `${answer.since} to ${answer.until}`;
  at("version").textContent = answer.model ? `Model ${answer.model.model_version}` : "";
}

function drawVerdict(answer) {
  const { answer: word, sentence } = answer.verdict;
  const look = { yes: "low", no: "high" }[word] ?? "medium";
  at("verdict").replaceChildren(make("strong", {}, "Is the model still good? "), make("span", { class: `tag ${look}` }, word), sentence.slice(word.length).replaceAll("`", ""));
  at("as-of").hidden = answer.until === answer.newest;
  at("as-of").textContent = `Of ${answer.until} and the days before it; what came true of them as far as it is known by now. The newest scores, of ${answer.newest}, the model in force and the alerts that hold are as of now.`;
}

function drawTiles(answer) {
  const published = answer.publications.find((each) => each.snapshot_date === answer.until);
  const drifted = answer.feature_drift.filter((row) => row.snapshot_date === answer.until && row.severity !== "ok");
  const looked = answer.feature_drift.some((row) => row.snapshot_date === answer.until);
  const realized = everybody("champion").at(-1);
  const promised = answer.estimated_performance.at(-1);
  const month = answer.calibration.at(-1);
  const kept = answer.quarantine.find((row) => row.snapshot_date === answer.until);
  const { model } = answer;
  const age = model?.trained_as_of ? `; trained as of ${model.trained_as_of}` : "";
  at("tiles").replaceChildren(
    tile("Newest scores", answer.stale ? make("span", { class: "tag medium" }, "Out of date") : "Fresh", `of ${answer.newest}, fresh until ${moment(answer.fresh_until)}`),
    tile("Model in force", model?.model_version ?? "none", model ? `since ${moment(model.since)}, by ${model.actor}${age}` : "none was promoted"),
    tile(`Drift on ${answer.until}`, looked ? driftWords(drifted) : "not known", drifted.map((row) => row.feature).join(", ") || (looked ? "all features in order" : "nothing was looked at")),
    tile(`At high risk on ${answer.until}`, published?.high_share == null ? "not known" : whole.format(Math.round(published.high_share * published.rows)), published ? `of ${whole.format(published.rows)} customers, by ${published.model_version}` : "the day has no scores"),
    tile(`Night of ${answer.until}`, nightWord(published), nightWords(published)),
    tile("ROC-AUC, realized", realized ? number(realized.roc_auc) : "not known", realized ? `of ${realized.snapshot_date}, by ${realized.model_version}: ${number(realized.roc_auc_low)} to ${number(realized.roc_auc_high)}` : "no outcome is known"),
    tile("ROC-AUC, estimated", promised ? number(promised.roc_auc) : "not known", promised ? `what ${promised.snapshot_date} promises` : "nothing was estimated"),
    tile("Calibration", month ? make("span", {}, `${signed(month.gap)} `, severityTag(month.severity)) : "not known", month ? `of the churn rate, in ${month.month.slice(0, 7)}, by ${month.models.join(" and ")}: mean probability ${percent(month.mean_probability)}, ${percent(month.churn_rate)} left` : "no outcome is known"),
    tile(`Quarantined on ${answer.until}`, kept ? whole.format(kept.quarantined) : "not known", kept ? `beside ${whole.format(kept.customers)} customers who were scored` : "nothing was kept"),
    tile("Alerts", `${whole.format(answer.alerts_in_force.length)} hold now`, `${holding(answer)}${whole.format(answer.alerts.length)} raised in the ${DAYS} days to ${answer.until}`),
  );
}

function holding(answer) {
  const names = answer.alerts_in_force.map((row) => row.condition).join(", ");
  return names ? `${names}; ` : "";
}

function nightWord(published) {
  if (!published) return "No scores";
  if (published.audited === null) return "not known";
  return published.beyond.length ? make("span", {}, `${published.beyond.length} `, severityTag("warning")) : "In order";
}

function nightWords(published) {
  if (!published || published.audited === null) return "no audit was kept";
  return published.beyond.join("; ") || `all ${published.audited} figures of its audit lie within their bounds`;
}

function driftWords(drifted) {
  if (!drifted.length) return "None";
  const worst = drifted.some((row) => row.severity === "error") ? "error" : "warning";
  return make("span", {}, `${drifted.length} `, severityTag(worst));
}

const signed = (gap) => `${gap > 0 ? "+" : gap < 0 ? "−" : ""}${percent(Math.abs(gap), 0)}`;

function changes(rows) {
  return rows.filter((row, index) => index && row.model_version !== rows[index - 1].model_version).map((row) => row.snapshot_date);
}

function drawPerformance(answer) {
  const realized = everybody("champion");
  const point = (row) => ({ day: row.snapshot_date, value: row.roc_auc, low: row.roc_auc_low, high: row.roc_auc_high });
  const promised = answer.estimated_performance.filter((row) => row.roc_auc !== null);
  if (!realized.length && !promised.length) return [];
  const series = [
    { name: "realized", kind: "first", points: realized.map(point) },
    { name: "estimated before outcomes are known", kind: "second", points: promised.map(point) },
    { name: "challenger, realized", kind: "third", points: everybody("challenger").map(point) },
    { name: "canary, realized", kind: "fourth", points: everybody("canary").map(point) },
  ];
  const headings = ["Scored day", "Arm", "Model", "Customers", "Left", "ROC-AUC", "Interval", "Brier"];
  const lines = [...answer.realized_performance].reverse().map((row) => [
    row.snapshot_date, row.arm, row.model_version, whole.format(row.rows), whole.format(row.churners), number(row.roc_auc),
    row.roc_auc === null ? "too few outcomes" : `${number(row.roc_auc_low)} to ${number(row.roc_auc_high)}`, number(row.brier, 4),
  ]);
  const figures = lines.length ? [folded(`Figures of ${lines.length} days and arms`, table("Realized performance", headings, lines))] : [];
  return [lineChart("Area under the ROC curve", series, number, { marks: changes(promised) }), ...figures];
}

function drawCalibration(answer) {
  const days = answer.realized_performance.filter((row) => row.arm === "champion" && row.mean_probability !== null);
  if (!days.length) return [];
  const series = [
    { name: "mean probability", kind: "first", points: days.map((row) => ({ day: row.snapshot_date, value: row.mean_probability })) },
    { name: "share who left", kind: "second", points: days.map((row) => ({ day: row.snapshot_date, value: row.churners / row.rows })) },
  ];
  const headings = ["Month", "Model", "Days", "Mean probability", "Left", "Interval", "Gap", "", "Calibration error"];
  const lines = answer.calibration.map((row) => [
    row.month.slice(0, 7), row.models.join(", "), row.days, percent(row.mean_probability), percent(row.churn_rate), `${percent(row.low)} to ${percent(row.high)}`,
    signed(row.gap), severityTag(row.severity), number(row.calibration_error, 4),
  ]);
  return [lineChart("Mean probability and churn rate", series, percent, { fromZero: true }), table("Calibration by month", headings, lines)];
}

function drawQuarantine(answer) {
  if (!answer.quarantine.length) return [];
  const checks = new Map();
  for (const night of answer.quarantine) {
    for (const [check, rows] of Object.entries(night.faults)) {
      if (!checks.has(check)) checks.set(check, new Map());
      checks.get(check).set(night.snapshot_date, rows);
    }
  }
  const sum = (counts) => [...counts.values()].reduce((total, rows) => total + rows, 0);
  const most = Math.max(1, ...[...checks.values()].flatMap((counts) => [...counts.values()]));
  const days = daysBetween(answer.since, answer.until);
  const rows = [...checks].sort(([, one], [, other]) => sum(other) - sum(one)).map(([check, counts]) => ({
    head: `${check} (${whole.format(sum(counts))})`,
    cells: new Map(answer.quarantine.map((night) => {
      const count = counts.get(night.snapshot_date) ?? 0;
      return [night.snapshot_date, { look: count ? "count" : "zero", height: count ? Math.ceil((4 * count) / most) : 0, words: `${whole.format(count)} rows` }];
    })),
  }));
  const all = answer.quarantine.reduce((total, night) => total + night.quarantined, 0);
  const told = hint(`${whole.format(all)} rows were quarantined on ${answer.quarantine.length} days; a full cell is ${whole.format(most)}.`);
  return rows.length ? [dayGrid("Rows that broke each rule, by day", days, rows), told] : [told];
}

function drawAlerts(answer) {
  if (!answer.alerts.length) return [];
  const lines = answer.alerts.map((row) => [
    row.snapshot_date, severityTag(row.severity), make("span", {}, row.sentence, make("small", {}, ` ${row.condition}; what to do: ${row.runbook}`)),
    row.delivered.join(", ") || "the log",
  ]);
  return [table("Alerts", ["Day", "Severity", "What", "Reached"], lines)];
}

function drawPublications(answer) {
  if (!answer.publications.length) return [];
  const lines = answer.publications.map((row) => [
    row.snapshot_date, row.kind === "rollback" ? "rolled back" : "published", moment(row.published_at), row.actor,
    row.model_version, whole.format(row.rows), row.score_version, row.reason,
  ]);
  const headings = ["Day", "What", "When", "By", "Model", "Customers", "Score version", "Why"];
  const newest = table("Publications of the newest days", headings, lines.slice(0, OPEN_ROWS));
  const earlier = lines.slice(OPEN_ROWS);
  return earlier.length ? [newest, folded(`${earlier.length} days before`, table("Publications before", headings, earlier))] : [newest];
}

function drawPromotions(answer) {
  if (!answer.promotions.length) return [];
  const lines = answer.promotions.map((row) => [moment(row.promoted_at), row.to_version, row.from_version ?? "none", row.actor, `${row.reason}${row.forced ? " (forced)" : ""}`]);
  return [table("Promotions", ["When", "Model", "Before", "By", "Why"], lines)];
}

async function load() {
  const turn = ++state.turn;
  readAddress();
  try {
    const [answer, snapshots] = await Promise.all([ask("/v1/monitoring", { days: DAYS, until: shown.day }), ask("/v1/snapshots")]);
    if (turn !== state.turn) return;
    shown.answer = answer;
    state.timezone = answer.timezone;
    const days = snapshots.snapshots.map((each) => each.snapshot_date);
    if (!days.includes(answer.until)) days.unshift(answer.until);
    at("day").replaceChildren(...days.map((day) => make("option", { value: day === answer.newest ? "" : day }, day)));
    at("day").value = answer.until === answer.newest ? "" : answer.until;
    at("day").disabled = false;
    at("key-form").hidden = true;
    at("content").hidden = false;
    showNotice("");
    draw();
  } catch (error) {
    at("when").textContent = "";
    showError(error);
  }
}

at("day").addEventListener("change", (event) => {
  history.pushState(null, "", addressOf(event.target.value, shown.feature));
  load();
});
addEventListener("popstate", load);
load();
