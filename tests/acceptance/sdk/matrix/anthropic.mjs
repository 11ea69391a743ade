// npm `@anthropic-ai/sdk`: messages. The API has no JSON mode without a schema.
export async function drive({ load, base, key, ask }) {
  const { default: Anthropic } = await load("@anthropic-ai/sdk");
  const client = new (Anthropic.Anthropic ?? Anthropic)({ baseURL: base, apiKey: key, maxRetries: 0, timeout: 20000 });
  const tools = [{ name: "f", description: "d", input_schema: ask.parameters }];

  async function say(model, stream, messages, fields = {}) {
    const body = { model, messages, system: ask.system, max_tokens: 3000, ...fields };
    const answer = stream ? await client.messages.stream(body).finalMessage() : await client.messages.create(body);
    const of = (type) => answer.content.filter((x) => x.type === type);
    return { text: of("text").map((x) => x.text).join(""), thought: of("thinking").map((x) => x.thinking).join(""),
      content: answer.content, calls: of("tool_use"), finish: answer.stop_reason,
      usage: [answer.usage.input_tokens, answer.usage.output_tokens] };
  }
  const user = (content) => [{ role: "user", content }];

  async function loop(model, stream, cell, start, fields = {}) {
    const first = await say(model, stream, user(cell), { tools, ...start, ...fields });
    const call = first.calls[0];
    const back = { type: "tool_result", tool_use_id: call.id, content: ask.result(call.input) };
    const turns = [...user(cell), { role: "assistant", content: first.content }, { role: "user", content: [back] }];
    const last = await say(model, stream, turns, { tools, ...fields });
    return { ...last, call: [call.name, call.input], stopped: first.finish, thought: first.thought };
  }

  return {
    text: async (model, stream, cell) => say(model, stream, user(cell)),
    tools: (model, stream, cell) => loop(model, stream, cell, { tool_choice: { type: "any" } }),
    signed: (model, stream, cell) => loop(model, stream, cell, {}, { thinking: { type: "enabled", budget_tokens: 2000 } }),
    // What a provider has no word for is named in a header of the answer.
    options: async (model, stream, cell) => {
      const { data, response } = await client.messages.create({ model, stream, stop_sequences: ["END"], temperature: 0.5,
        top_k: 5, max_tokens: 3000, system: ask.system, messages: user(cell) }).withResponse();
      const pieces = [];
      if (stream) for await (const event of data) pieces.push(event.delta?.text ?? "");
      return { text: stream ? pieces.join("") : data.content[0].text, dropped: response.headers.get("x-echelon-dropped") };
    },
    schema: async (model, stream, cell) => say(model, stream, user(cell), {
      output_config: { format: { type: "json_schema", schema: ask.schema } } }),
    thinking: async (model, stream, cell) => say(model, stream, user(cell), {
      thinking: { type: "enabled", budget_tokens: 2000 } }),
    image: async (model, stream, cell) => say(model, stream, user([
      { type: "text", text: cell },
      { type: "image", source: { type: "base64", media_type: "image/png", data: ask.image } }])),
  };
}
