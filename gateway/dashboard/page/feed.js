// Requests as they end, the record of one, and the changes of everything else.
import { ask } from "./api.js";
import { by, clock, make, took } from "./dom.js";

const most = 200;
let paused = false;
let kept = [];

const wanted = { all: () => true, failed: (x) => x.status >= 400, moved: (x) => x.attempts > 1 };

function row(x) {
  const status = make("span", { className: `pill ${x.status < 400 ? "ok" : x.status < 500 ? "warn" : "bad"}`, textContent: x.status });
  const line = make("tr", { tabIndex: 0, title: x.outcome },
    make("td", { textContent: clock(x.time) }), make("td", { textContent: x.target }), make("td", { textContent: x.route ?? "–" }),
    make("td", {}, status), make("td", { className: "n", textContent: x.attempts }), make("td", { className: "n", textContent: took(x.duration_ms) }));
  line.dataset.id = x.id;
  line.addEventListener("click", () => showRecord(x.id));
  line.addEventListener("keydown", (e) => {
    if (e.key === "Enter") showRecord(x.id);
    if (e.key === "ArrowDown") line.nextElementSibling?.focus();
    if (e.key === "ArrowUp") line.previousElementSibling?.focus();
  });
  return line;
}

function body() {
  return by("feed").tBodies[0];
}

export function redraw() {
  const passes = wanted[by("feed-filter").value];
  body().replaceChildren(...kept.filter(passes).map(row));
  by("feed-empty").hidden = body().rows.length > 0;
}

export function addRequest(x) {
  kept.unshift(x);
  kept.length = Math.min(kept.length, most);
  if (paused || !wanted[by("feed-filter").value](x)) return;
  body().prepend(row(x));
  while (body().rows.length > most) body().lastElementChild.remove();
  by("feed-empty").hidden = true;
}

export function setRequests(all) {
  kept = all;
  redraw();
}

export function togglePause() {
  paused = !paused;
  by("pause").setAttribute("aria-pressed", paused);
  by("pause").textContent = paused ? "Resume" : "Pause";
  if (!paused) redraw();
}

async function showRecord(id) {
  const x = await ask("GET", `requests/${encodeURIComponent(id)}`).catch((e) => ({ id, outcome: e.message, steps: [] }));
  by("record-title").textContent = `${x.target ?? "Request"} · ${x.status ?? ""}`;
  const facts = { Request: x.id, Outcome: x.outcome, Route: x.route ?? "–", Attempts: x.attempts, Time: x.time,
    Took: x.duration_ms === undefined ? "" : took(x.duration_ms), Queued: x.queued_ms === undefined ? "" : took(x.queued_ms), Stream: x.stream ? "yes" : "no" };
  by("record-facts").replaceChildren(...Object.entries(facts).flatMap(([k, v]) => [make("dt", { textContent: k }), make("dd", { textContent: v ?? "" })]));
  by("record-steps").replaceChildren(...x.steps.map((s) => {
    const good = ["attempt", "answered", "turn"].includes(s.step), bad = ["failed", "give_up", "abandoned"].includes(s.step);
    return make("li", {}, make("span", { className: "muted", textContent: `+${took(s.at_ms)}` }),
      make("span", {}, make("span", { className: `pill ${good ? "ok" : bad ? "bad" : "warn"}`, textContent: s.step.replace("_", " ") })),
      make("span", {}, make("b", { textContent: s.actor }), s.reason ? ` ${s.reason}` : ""));
  }));
  by("record").showModal();
}

const words = {
  breaker: (x) => [`${x.actor}: ${x.from.replace("_", "-")} → ${x.to.replace("_", "-")}`, x.to === "closed" ? "ok" : x.to === "half_open" ? "warn" : "bad"],
  owner: (x) => [`${x.actor} moved from ${x.from} to ${x.to}`, ""],
  member: (x) => [`node ${x.node}: ${x.from} → ${x.to}`, x.to === "heard" ? "ok" : "bad"],
  quorum: (x) => [x.acts ? "this node has its quorum" : "this node is WITHOUT A QUORUM", x.acts ? "ok" : "bad"],
  reload: (x) => [x.reloaded ? `configuration ${x.config_version} is in force` : `reload refused: ${x.diagnostics[0] ?? ""}`, x.reloaded ? "ok" : "bad"],
  drain: (x) => [`draining, ${x.in_flight} in flight`, "warn"],
  dropped: (x) => [`${x.count} events were lost: this page was too slow`, "warn"],
};

export function addChange(kind, data) {
  if (!words[kind]) return;
  const [text, style] = words[kind](data);
  const line = make("li", {}, make("time", { textContent: clock(Date.now()) }), make("span", { className: `pill ${style}`, textContent: kind }), ` ${text}`);
  line.dataset.kind = kind;
  by("changes").prepend(line);
  while (by("changes").childElementCount > most) by("changes").lastElementChild.remove();
  by("changes-empty").hidden = true;
}
