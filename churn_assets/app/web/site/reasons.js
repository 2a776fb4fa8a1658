"use strict";

// Why a customer is at risk, and what drives the risk of a day. Built with the functions of shared.js.

const FAMILIES = 8;
const BAR = { width: 240, height: 14 };
const familyName = (family) => family.replaceAll("_", " ");

function signedBar(contribution, largest) {
  const middle = BAR.width / 2;
  const length = largest ? Math.max(2, (middle * Math.abs(contribution)) / largest) : 0;
  const up = contribution >= 0;
  const bar = make("svg", { viewBox: `0 0 ${BAR.width} ${BAR.height}`, preserveAspectRatio: "none", class: "signed", "aria-hidden": "true" });
  bar.append(
    make("rect", { x: up ? middle : middle - length, y: 2, width: length, height: BAR.height - 4, rx: 2, class: up ? "bar-up" : "bar-down" }),
    make("line", { x1: middle, x2: middle, y1: 0, y2: BAR.height, class: "zero" }),
  );
  return bar;
}

// The reasons of a score that was asked for with them; nothing where there is none.
function drawReasons(score) {
  if (!score.reasons?.length) return [];
  const largest = Math.max(...score.reasons.map((each) => Math.abs(each.contribution)));
  const items = score.reasons.map((each) => {
    const direction = each.contribution >= 0 ? "raises the risk" : "lowers the risk";
    return make("li", {},
      make("span", { class: "sentence" }, each.sentence),
      signedBar(each.contribution, largest),
      make("span", { class: "hint" }, `${familyName(each.family)}: ${direction} (${each.contribution >= 0 ? "+" : "−"}${Math.abs(each.contribution).toFixed(2)})`));
  });
  const hidden = score.hidden_share > 0.005 ? ` ${percent(score.hidden_share, 0)} of what moves this customer is never shown.` : "";
  return [
    make("h4", {}, "Why"),
    make("p", { class: "hint" }, `Beside an average customer, in log-odds, the strongest first.${hidden}`),
    make("ol", { class: "reasons" }, ...items),
  ];
}

async function loadDrivers() {
  const turn = state.turn;
  const day = await ask("/v1/drivers", { snapshot_date: state.day }).catch(() => ({ drivers: [] }));
  if (turn !== state.turn) return;
  at("drivers-card").hidden = !day.drivers.length;
  const largest = Math.max(...day.drivers.map((each) => each.share), 0);
  at("drivers").replaceChildren(...day.drivers.slice(0, FAMILIES).map((each) => {
    const bar = make("svg", { viewBox: `0 0 ${BAR.width} ${BAR.height}`, preserveAspectRatio: "none", class: "signed", "aria-hidden": "true" });
    bar.append(make("rect", { x: 0, y: 2, width: Math.max(2, (BAR.width * each.share) / largest), height: BAR.height - 4, rx: 2, class: "bar-up" }));
    return make("li", {},
      make("span", { class: "sentence" }, familyName(each.family)),
      bar,
      make("span", { class: "hint" }, `${percent(each.share)} (${whole.format(each.customers)})`));
  }));
}
