// Five minutes at one point a second, by uPlot.
import { by } from "./dom.js";

const span = 300;
const at = [], columns = { ok: [], bad: [], p50: [], p95: [], flight: [], waiting: [] };
const ended = []; // Requests of the last minute: {at, ms, ok}.
const kinds = [["c-rate", ["ok", "bad"], ["ok", "bad"], true], ["c-latency", ["p50", "p95"], ["ok", "warn"], false],
  ["c-load", ["flight", "waiting"], ["ok", "warn"], true]];
let plots = [];

export function noteRequest(x) {
  ended.push({ at: Date.now(), ms: x.duration_ms, ok: x.status < 400 });
}

function quantile(sorted, q) {
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] : null;
}

/** The last minute, and more when there is more, in seconds. */
function shown() {
  const max = at.at(-1) ?? Date.now() / 1000;
  return { min: max - Math.min(span, Math.max(60, max - (at[0] ?? max))), max };
}

/** Adds a point for the second that has passed; returns what the tiles show. */
export function tick(state) {
  const now = Date.now();
  while (ended.length && ended[0].at < now - 60_000) ended.shift();
  const second = ended.filter((x) => x.at > now - 1000);
  const recent = ended.filter((x) => x.at > now - 10_000).map((x) => x.ms).sort((a, b) => a - b);
  const waiting = state.actors.reduce((n, x) => n + x.queue.length, 0);
  const point = { ok: second.filter((x) => x.ok).length, bad: second.filter((x) => !x.ok).length,
    p50: quantile(recent, 0.5), p95: quantile(recent, 0.95), flight: state.requests_in_flight, waiting };
  at.push(now / 1000);
  for (const name in columns) columns[name].push(point[name]);
  if (at.length > span) [at, ...Object.values(columns)].forEach((x) => x.shift());
  plots.forEach(({ plot, names }) => {
    plot.setData([at, ...names.map((n) => columns[n])], false);
    plot.setScale("x", shown());
  });
  return { ...point, success: ended.length ? ended.filter((x) => x.ok).length / ended.length : null };
}

export function draw() {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  plots.forEach(({ plot }) => plot.destroy());
  plots = kinds.map(([id, names, colours, filled]) => {
    const home = by(id);
    const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    const plot = new window.uPlot({
      width: home.clientWidth, height: 150, cursor: { y: false, drag: { x: false, y: false } }, legend: { show: false },
      scales: { x: { time: true }, y: { range: (_, __, max) => [0, Math.max(1, (max ?? 0) * 1.15)] } },
      axes: [{ ...axis, space: 80, size: 28, values: (_, all) => all.map((x) => new Date(x * 1000).toLocaleTimeString([], { hour12: false })) },
        { ...axis, size: 44 }],
      series: [{}, ...names.map((_, i) => ({ stroke: colour(colours[i]), width: 2, spanGaps: false, points: { show: false },
        fill: filled ? `${colour(colours[i])}22` : undefined }))],
    }, [at, ...names.map((n) => columns[n])], home);
    plot.setScale("x", shown());
    return { plot, names, home };
  });
}

export function fit() {
  plots.forEach(({ plot, home }) => plot.setSize({ width: home.clientWidth, height: 150 }));
}
