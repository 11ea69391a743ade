// npm `openai`: responses.
export async function drive({ load, base, key, ask }) {
  const { default: OpenAI } = await load("openai");
  const client = new (OpenAI.OpenAI ?? OpenAI)({ baseURL: base + "/v1", apiKey: key, maxRetries: 0, timeout: 20000 });
  const tools = [{ type: "function", name: "f", description: "d", parameters: ask.parameters, strict: false }];

  async function say(model, stream, input, fields = {}) {
    const body = { model, input, instructions: ask.system, max_output_tokens: 3000, ...fields };
    let answer;
    let streamed = "";
    if (stream) {
      for await (const event of await client.responses.create({ ...body, stream: true })) {
        if (event.type === "response.output_text.delta") streamed += event.delta;
        if (event.type === "response.completed") answer = event.response;
      }
    } else {
      answer = await client.responses.create(body);
    }
    const texts = answer.output.filter((x) => x.type === "message").flatMap((x) => x.content).map((x) => x.text);
    const text = texts.join("");
    if (stream && streamed !== text) throw new Error(`streamed ${streamed}, completed ${text}`);
    return { text, output: answer.output, usage: [answer.usage.input_tokens, answer.usage.output_tokens],
      thought: answer.output.filter((x) => x.type === "reasoning").flatMap((x) => x.content).map((x) => x.text).join(""),
      finish: answer.status, calls: answer.output.filter((x) => x.type === "function_call") };
  }
  const user = (content) => [{ role: "user", content }];

  async function loop(model, stream, cell, start, fields = {}) {
    const first = await say(model, stream, user(cell), { tools, ...start, ...fields });
    const call = first.calls[0];
    const back = { type: "function_call_output", call_id: call.call_id, output: ask.result(JSON.parse(call.arguments)) };
    const last = await say(model, stream, [...user(cell), ...first.output, back], { tools, ...fields });
    return { ...last, call: [call.name, JSON.parse(call.arguments)], stopped: first.finish, thought: first.thought };
  }

  return {
    text: async (model, stream, cell) => say(model, stream, user(cell)),
    tools: (model, stream, cell) => loop(model, stream, cell, { tool_choice: "required" }),
    signed: (model, stream, cell) => loop(model, stream, cell, {}, { reasoning: { effort: "low" } }),
    json: async (model, stream, cell) => say(model, stream, user(cell), { text: { format: { type: "json_object" } } }),
    schema: async (model, stream, cell) => say(model, stream, user(cell), {
      text: { format: { type: "json_schema", name: "s", strict: true, schema: ask.schema } } }),
    thinking: async (model, stream, cell) => say(model, stream, user(cell), { reasoning: { effort: "low" } }),
    image: async (model, stream, cell) => say(model, stream, user([
      { type: "input_text", text: cell },
      { type: "input_image", detail: "auto", image_url: "data:image/png;base64," + ask.image }])),
  };
}
