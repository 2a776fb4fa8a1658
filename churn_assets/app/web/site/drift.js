"use strict";

// Drift: the grid of features by days, and the figures of one feature.

const SEVERITIES = ["ok", "warning", "error"];
const HEIGHTS = { ok: 1, warning: 3, error: 4 }; // quarters of a cell: told apart without colours, too
const share = (value) => (value === null ? "" : percent(value));

// What lies above is a finding, unless chance explains it or it is usual on that weekday.
function limitsOf({ bounds }) {
  return [{ severity: "warning", value: bounds.psi_warning }, { severity: "error", value: bounds.psi_error }];
}

function byFeature(rows) {
  const features = new Map();
  for (const row of rows) {
    if (!features.has(row.feature)) features.set(row.feature, []);
    features.get(row.feature).push(row);
  }
  return features;
}

// The features as they are listed: those that are not in order on the day first, then by the worst of all days.
function ranked(features, day) {
  const rank = (rows) => {
    const today = rows.find((row) => row.snapshot_date === day);
    const worst = Math.max(...rows.map((row) => SEVERITIES.indexOf(row.severity)));
    return [today ? SEVERITIES.indexOf(today.severity) : 0, worst, today?.psi ?? 0];
  };
  return [...features].map(([name, rows]) => ({ name, rows, rank: rank(rows) }))
    .sort((one, other) => other.rank[0] - one.rank[0] || other.rank[1] - one.rank[1] || other.rank[2] - one.rank[2]);
}

function drawDrift(answer, chosen, link) {
  const features = byFeature(answer.feature_drift);
  if (!features.size) return [];
  const rows = ranked(features, answer.until).map(({ name, rows: days }) => ({
    head: link(name),
    chosen: name === chosen,
    cells: new Map(days.map((row) => [row.snapshot_date, { look: row.severity, height: HEIGHTS[row.severity], words: `${row.severity}, index ${number(row.psi)}` }])),
  }));
  const key = make("ul", { class: "legend" }, ...SEVERITIES.map((severity) => make("li", {}, make("span", { class: `sample bar ${severity} of-${HEIGHTS[severity]}` }), severity)), make("li", {}, make("span", { class: "sample bar none" }), "no figures"));
  return [dayGrid(`Severity of each feature's drift from ${answer.since} to ${answer.until}`, daysBetween(answer.since, answer.until), rows), key];
}

function drawFeature(answer, feature) {
  const rows = answer.feature_drift.filter((row) => row.feature === feature);
  if (!rows.length) return [hint(`There are no figures of ${feature} from ${answer.since} to ${answer.until}.`)];
  const points = (name) => rows.filter((row) => row[name] !== null).map((row) => ({ day: row.snapshot_date, value: row[name], severity: row.severity }));
  const last = rows.at(-1);
  const ks = last.ks === null ? "" : ` and its KS distance ${number(last.ks)}`;
  const told = `On ${last.snapshot_date} its index was ${number(last.psi)}${ks} (${last.severity}); chance alone stays below ${number(last.psi_chance)}.`;
  const { psi_warning: psi, ks_warning: distance, psi_error: most } = answer.bounds;
  const rule = `An index above ${psi} or a distance above ${distance} is a warning, an index above ${most} an error, unless chance or the weekday explains it.`;
  const headings = ["Day", "Severity", "Index", "By chance", "KS", "Unseen words", "No value", "No value in training"];
  const lines = [...rows].reverse().map((row) => [
    row.snapshot_date, severityTag(row.severity), number(row.psi), number(row.psi_chance), number(row.ks),
    share(row.unseen_share), share(row.null_share), share(row.null_share_reference),
  ]);
  return [
    hint(`${told} ${rule}`),
    lineChart(`Population stability index of ${feature}`, [
      { name: "population stability index", kind: "first", points: points("psi") },
      { name: "reached by chance", kind: "bound", points: points("psi_chance") },
    ], number, { fromZero: true, limits: limitsOf(answer) }),
    folded(`Figures of ${rows.length} days`, table(`Figures of ${feature}`, headings, lines)),
    hint("What to do: docs/runbook.md#feature_drift."),
  ];
}

function drawScoreDrift(answer) {
  const days = answer.score_drift.map((row) => row.snapshot_date);
  const newest = days.at(-1);
  const rows = answer.score_drift.filter((row) => row.snapshot_date === newest);
  if (!rows.length) return [];
  const names = { reference: "training", last_day: "last day", last_week: "last week" };
  const lines = rows.map((row) => [names[row.against] ?? row.against, severityTag(row.severity), number(row.psi), number(row.mean_shift, 4), row.against_date]);
  const series = [{ name: "population stability index beside training", kind: "first", points: answer.score_drift.filter((row) => row.against === "reference" && row.psi !== null).map((row) => ({ day: row.snapshot_date, value: row.psi, severity: row.severity })) }];
  const chart = series[0].points.length > 1 ? [lineChart("Drift of scores", series, number, { fromZero: true, limits: limitsOf(answer) })] : [];
  return [hint(`The scores of ${newest} beside those that the model gave in training, those of the last scored day and of a week before.`), table("Drift of scores", ["Beside", "Severity", "Index", "Mean shift", "Of"], lines), ...chart];
}
