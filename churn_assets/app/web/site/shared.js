"use strict";

// What both pages are built with. They ask the same endpoints as any program, and `load` draws each of them anew.

const SVG = "http://www.w3.org/2000/svg";
const at = (id) => document.getElementById(id);
const state = { key: sessionStorage.getItem("key"), day: "", next: null, turn: 0, timezone: "UTC" };
const whole = new Intl.NumberFormat("en");
const MOMENT = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
const moment = (text) => new Intl.DateTimeFormat("en-GB", { ...MOMENT, timeZone: state.timezone }).format(new Date(text));
const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;

class Problem extends Error {
  constructor(status, detail) { super(detail); this.status = status; }
}

async function ask(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value));
  const headers = state.key ? { Authorization: `Bearer ${state.key}` } : {};
  let response;
  try {
    response = await fetch(query.size ? `${path}?${query}` : path, { headers });
  } catch {
    throw new Problem(0, "The score service cannot be reached.");
  }
  const body = await response.json().catch(() => ({}));
  const said = body.errors?.map((each) => `${each.field}: ${each.message}`).join("; ") ?? body.detail;
  if (!response.ok) throw new Problem(response.status, said ?? "The score service gave no answer.");
  return body;
}

function make(name, attributes = {}, ...children) {
  const svg = ["svg", "rect", "line", "polyline", "polygon", "circle", "text", "title", "g"].includes(name);
  const element = svg ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function showNotice(text) {
  at("notice").textContent = text;
  at("notice").hidden = !text;
}

function showError(error) {
  if (error.status !== 401) return showNotice(error.message);
  sessionStorage.removeItem("key");
  showNotice(state.key ? "That key is not valid." : "");
  state.key = null;
  at("content").hidden = true;
  at("key-form").hidden = false;
  at("when").textContent = "";
  at("key").value = "";
  at("key").focus();
}

function tile(name, value, note) {
  return make("dl", { class: "tile" }, make("dt", {}, name), make("dd", {}, value, make("small", {}, note)));
}

at("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  state.key = at("key").value;
  sessionStorage.setItem("key", state.key);
  load();
});
