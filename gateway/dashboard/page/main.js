// The page's life: sign in, listen, look once a second, and carry out what is pressed.
import { showActors, standing } from "./actors.js";
import { ask, listen, token } from "./api.js";
import { draw, fit, noteRequest, tick } from "./charts.js";
import { by, make, say, took } from "./dom.js";
import { addChange, addRequest, redraw, setRequests, togglePause } from "./feed.js";

let state = null;
const pause = (ms) => new Promise((then) => setTimeout(then, ms));

function notice(text, bad = false) {
  by("notice").textContent = text;
  by("notice").className = bad ? "bad" : "";
  by("notice").hidden = false;
  clearTimeout(notice.timer);
  notice.timer = setTimeout(() => (by("notice").hidden = true), 8000);
}

/** Resolves once the router accepts a token. */
async function signIn(why) {
  by("sign-in-error").textContent = why;
  by("sign-in").showModal();
  by("token").focus();
  await new Promise((then) => by("sign-in").addEventListener("close", then, { once: true }));
  token.set(by("token").value.trim());
  by("token").value = "";
}

async function confirmed(title, text, yes) {
  by("ask-title").textContent = title;
  by("ask-text").textContent = text;
  by("ask-yes").textContent = yes;
  by("ask").returnValue = "no";
  by("ask").showModal();
  by("ask-no").focus();
  await new Promise((then) => by("ask").addEventListener("close", then, { once: true }));
  return by("ask").returnValue === "yes";
}

async function act(what) {
  try {
    notice(await what());
  } catch (error) {
    notice(error.message, true);
  }
  await look().catch(() => {});
}

async function kill(path) {
  if (!(await confirmed(`Kill ${path}?`, "The actor ends as by a crash. Its supervisor starts it anew.", "Kill it"))) return;
  await act(async () => {
    await ask("POST", `actors/${path}/kill`);
    return `${path} was killed`;
  });
}

function showCluster(x) {
  by("cluster").hidden = !x;
  if (!x) return;
  const members = x.members.map((m) => make("span", { className: `pill ${m.self || m.heard ? "ok" : "bad"}`, title: m.address,
    textContent: m.node + (m.self ? " (this one)" : m.heard ? "" : ": silent") + (m.same_config ? "" : ": other configuration") }));
  by("cluster").replaceChildren(make("b", { textContent: "Cluster" }), make("span", { className: `pill ${x.acts ? "ok" : "bad"}`,
    textContent: x.acts ? (x.membership === "etcd" ? "has its lease" : "has a quorum") : "DOES NOT ACT" }), ...members,
  make("span", { className: "muted", textContent: `view ${x.epoch}` }));
}

async function look() {
  state = await ask("GET", "state");
  say(by("about"), `${state.version} · configuration ${state.config_version}${state.cluster ? ` · node ${state.cluster.node}` : ""}${state.draining ? " · draining" : ""}`);
  by("drain").disabled = state.draining;
  by("drain").textContent = state.draining ? "Draining" : "Drain";
  by("sign-out").hidden = !token.get();
  showCluster(state.cluster);
  showActors(state, kill);
}

function showTiles() {
  const x = tick(state);
  const broken = state.actors.filter((a) => standing(a) !== "closed").length;
  say(by("t-rate"), `${x.ok + x.bad}`);
  say(by("t-success"), x.success === null ? "–" : `${(x.success * 100).toFixed(x.success === 1 ? 0 : 1)} %`, x.success !== null && x.success < 0.9 ? "bad" : x.success !== null && x.success < 0.99 ? "warn" : "");
  say(by("t-latency"), x.p50 === null ? "–" : `${took(x.p50)} / ${took(x.p95)}`);
  say(by("t-flight"), `${state.requests_in_flight}`);
  say(by("t-waiting"), `${x.waiting}`, x.waiting > 0 ? "warn" : "");
  say(by("t-breakers"), `${broken}`, broken > 0 ? "bad" : "");
}

async function watch() {
  for (;;) {
    const stop = new AbortController();
    try {
      await look();
      setRequests((await ask("GET", "requests")).requests);
      const stream = listen((kind, data) => {
        if (kind === "request") {
          addRequest(data);
          noteRequest(data);
        }
        addChange(kind, data);
      }, stop.signal);
      let over = false;
      stream.catch(() => {}).finally(() => (over = true));
      say(by("link"), "live", "pill ok");
      while (!over) {
        showTiles();
        await pause(1000);
        await look();
      }
    } catch (error) {
      stop.abort();
      if (error.status === 401) {
        const had = token.get();
        token.clear();
        say(by("link"), "signed out", "pill warn");
        await signIn(had ? "That token was refused." : "");
        continue;
      }
    }
    say(by("link"), "no connection, trying again", "pill bad");
    await pause(1500);
  }
}

function setTheme(x) {
  document.documentElement.dataset.theme = x;
  draw();
}

by("theme").addEventListener("click", () => {
  const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  localStorage.setItem("echelon-theme", dark ? "light" : "dark");
  setTheme(dark ? "light" : "dark");
});
by("reload").addEventListener("click", () => act(async () => {
  const x = await ask("POST", "reload");
  const c = x.changes;
  const what = [...c.added.map((t) => `new: ${t}`), ...c.removed.map((t) => `gone: ${t}`), ...c.changed, ...c.need_restart.map((t) => `needs a restart: ${t}`)];
  return [`Configuration ${x.config_version} is in force.`, ...(what.length ? what : ["Nothing has changed."])].join("\n");
}));
by("drain").addEventListener("click", async () => {
  if (!(await confirmed("Drain this router?", "New requests are refused from now on; those in flight finish. It cannot be undone without a restart.", "Drain"))) return;
  await act(async () => {
    await ask("POST", "drain");
    return "The router drains: new requests are refused.";
  });
});
by("sign-out").addEventListener("click", () => {
  token.clear();
  location.reload();
});
// The dialog cannot be left without a token: there is nothing to see behind it.
by("sign-in").addEventListener("cancel", (e) => e.preventDefault());
by("pause").addEventListener("click", togglePause);
by("feed-filter").addEventListener("change", redraw);
for (const id of ["filter", "troubled"]) by(id).addEventListener("input", () => state && showActors(state, kill));
addEventListener("keydown", (e) => {
  if (e.key !== "/" || e.target.matches("input, select") || document.querySelector("dialog[open]")) return;
  e.preventDefault();
  by("filter").focus();
});
addEventListener("resize", fit);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

const chosen = localStorage.getItem("echelon-theme");
if (chosen) setTheme(chosen);
else draw();
watch();
