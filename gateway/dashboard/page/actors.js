// The hierarchy: one row for each actor, kept while it lives.
import { by, make, say } from "./dom.js";

const levels = [["key", "Keys of clients"], ["router", "Router"], ["node", "Workflow nodes"],
  ["pool", "Polling pools"], ["group", "Task groups and their tiers"], ["model", "Models"]];
const rows = new Map();
const homes = new Map();

const levelOf = (path) => (path.startsWith("echelon/") ? "group" : path.split("/")[0]);

function order(x) {
  // A tier stands below its group.
  return x.path.startsWith("echelon/") ? `group/${x.path.slice(8).replace(".", "\u0001")}` : x.path;
}

function meter(label) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const fill = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  fill.setAttribute("height", "100%");
  svg.append(fill);
  svg.setAttribute("aria-hidden", "true");
  const value = make("b");
  const root = make("div", { className: "meter" }, make("div", { className: "label" }, make("span", { textContent: label }), value), svg);
  return {
    root,
    show(used, limit, text, scarce) {
      say(value, text);
      const share = limit > 0 ? Math.min(1, Math.max(0, used / limit)) : 0;
      fill.setAttribute("width", `${(share * 100).toFixed(1)}%`);
      const strain = scarce ? 1 - share : share;
      root.className = `meter${limit > 0 ? "" : " free"}${limit > 0 && strain >= 0.95 ? " bad" : limit > 0 && strain >= 0.75 ? " warn" : ""}`;
    },
  };
}

function makeRow(path, kill) {
  const row = { permits: meter("permits"), queue: meter("queue"), rate: meter("rate left"),
    owner: make("span", { className: "pill owner", title: "Node that owns it" }), breaker: make("span"),
    totals: make("span", { className: "totals" }), kill: make("button", { type: "button", className: "danger kill", textContent: "Kill" }) };
  row.kill.setAttribute("aria-label", `Kill ${path}`);
  row.kill.addEventListener("click", () => kill(path));
  row.root = make("div", { className: "actor" }, make("span", { className: "name", textContent: path.replace(/^[a-z]+\//, "") }),
    row.owner, row.permits.root, row.queue.root, row.rate.root, row.breaker, row.totals, row.kill);
  row.root.dataset.path = path;
  row.root.title = path;
  return row;
}

export const standing = (x) => (x.breaker.benched ? "benched" : x.breaker.state);
const troubled = (x) => standing(x) !== "closed" || x.queue.length > 0;

function update(row, x, chaos) {
  const state = standing(x);
  const { permits, queue, limiter, totals } = x;
  row.permits.show(permits.used, permits.limit ?? 0, permits.limit === null ? `${permits.used}` : `${permits.used} / ${permits.limit}`);
  row.queue.show(queue.length, queue.size, `${queue.length} / ${queue.size}`);
  if (queue.size === 0) row.queue.root.className = "meter none";
  row.rate.show(limiter.available ?? 0, limiter.limit ?? 0, limiter.limit === null ? "no limit" : `${limiter.available} / ${limiter.limit}`, true);
  const left = x.breaker.closed_for_ms > 0 ? ` ${Math.ceil(x.breaker.closed_for_ms / 1000)} s` : "";
  say(row.breaker, state.replace("_", "-") + left, `pill breaker ${state === "closed" ? "ok" : state === "half_open" ? "warn" : "bad"}`);
  say(row.owner, x.node);
  say(row.totals, `${totals.succeeded} ok · ${totals.failed} failed${x.restarts ? ` · ${x.restarts} restarts` : ""}`);
  row.kill.hidden = !chaos;
  row.root.className = `actor${x.path.startsWith("echelon/") ? " child" : ""}${state === "closed" ? "" : state === "half_open" ? " half" : " troubled"}`;
}

export function showActors(state, kill) {
  const words = by("filter").value.trim().toLowerCase();
  const only = by("troubled").checked;
  const seen = new Set();
  const sorted = [...state.actors].sort((a, b) => (order(a) < order(b) ? -1 : 1));
  for (const [level, title] of levels) {
    let home = homes.get(level);
    if (!home) {
      home = make("div", { className: "level" }, make("h3", { textContent: title }));
      homes.set(level, home);
      by("actors").append(home);
    }
    let after = home.firstChild, shown = 0;
    for (const x of sorted.filter((y) => levelOf(y.path) === level)) {
      seen.add(x.path);
      if (!rows.has(x.path)) rows.set(x.path, makeRow(x.path, kill));
      const row = rows.get(x.path);
      update(row, x, state.chaos);
      row.root.hidden = (words && !x.path.toLowerCase().includes(words)) || (only && !troubled(x));
      if (!row.root.hidden) ++shown;
      if (after.nextSibling !== row.root) after.after(row.root);
      after = row.root;
    }
    home.hidden = shown === 0;
  }
  for (const [path, row] of rows)
    if (!seen.has(path)) {
      row.root.remove();
      rows.delete(path);
    }
}
