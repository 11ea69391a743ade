// The admin API as the page uses it.
const key = "echelon-admin-token";

export const token = {
  get: () => sessionStorage.getItem(key) ?? "",
  set: (x) => sessionStorage.setItem(key, x),
  clear: () => sessionStorage.removeItem(key),
};

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function send(method, path, signal) {
  const headers = token.get() ? { Authorization: `Bearer ${token.get()}` } : {};
  // The page is at /dashboard: whatever stands before it stands before admin/ too.
  return fetch(new URL(`admin/${path}`, document.baseURI), { method, headers, signal, cache: "no-store" });
}

/** The JSON of an answer; throws Refused with the router's own words for anything but success. */
export async function ask(method, path) {
  const answer = await send(method, path);
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  const words = body.error?.message ?? body.diagnostics?.join("\n") ?? `status ${answer.status}`;
  throw new Refused(answer.status, words || `status ${answer.status}`);
}

/** Calls on(kind, data) for each event until the stream ends or fails. */
export async function listen(on, signal) {
  const answer = await send("GET", "events", signal);
  if (!answer.ok) throw new Refused(answer.status, `status ${answer.status}`);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (text + value).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      let kind = "", data = "";
      for (const line of block.split("\n")) {
        if (line.startsWith("event: ")) kind = line.slice(7);
        if (line.startsWith("data: ")) data = line.slice(6);
      }
      if (kind) on(kind, JSON.parse(data || "{}"));
    }
  }
}
