// The official OpenAI SDK, unmodified, against a router. argv: base URL, key, then what to do.
// Prints one line of JSON: what the SDK returned, or the class of what it threw.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [root, baseURL, apiKey, action, model] = process.argv.slice(2);
const entry = createRequire(pathToFileURL(root + "/")).resolve("openai");
const { default: OpenAI } = await import(pathToFileURL(entry).href);
const sdk = OpenAI.OpenAI ?? OpenAI;
const client = new sdk({ baseURL, apiKey, maxRetries: 0, timeout: 20000 });
const messages = [{ role: "user", content: "hi" }];

const actions = {
  async list() {
    const ids = [];
    for await (const m of client.models.list()) ids.push(m.id);
    return { ids };
  },
  async complete() {
    const answer = await client.chat.completions.create({ model, messages });
    return { text: answer.choices[0].message.content, finish: answer.choices[0].finish_reason, usage: answer.usage };
  },
  async stream() {
    let text = "";
    let finish = null;
    const stream = await client.chat.completions.create({ model, messages, stream: true });
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? "";
      finish = chunk.choices[0]?.finish_reason ?? finish;
    }
    return { text, finish };
  },
  async tools() {
    const tools = [{ type: "function", function: { name: "f", parameters: { type: "object", properties: {} } } }];
    const answer = await client.chat.completions.create({ model, messages, tools });
    return { calls: answer.choices[0].message.tool_calls };
  },
};

try {
  console.log(JSON.stringify(await actions[action]()));
} catch (error) {
  console.log(JSON.stringify({ thrown: error.constructor.name, status: error.status ?? null, code: error.code ?? null,
    type: error.type ?? null, message: String(error.message) }));
}
