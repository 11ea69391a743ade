// npm `openai`: chat completions and embeddings.
export async function drive({ load, base, key, ask }) {
  const { default: OpenAI } = await load("openai");
  const client = new (OpenAI.OpenAI ?? OpenAI)({ baseURL: base + "/v1", apiKey: key, maxRetries: 0, timeout: 20000 });
  const tools = [{ type: "function", function: { name: "f", description: "d", parameters: ask.parameters } }];

  async function say(model, stream, content, fields = {}) {
    const body = { model, messages: [{ role: "system", content: ask.system }, ...content], max_tokens: 3000, ...fields };
    if (!stream) {
      const answer = await client.chat.completions.create(body);
      const { message, finish_reason } = answer.choices[0];
      return { text: message.content, thought: message.reasoning_content, calls: message.tool_calls ?? [], message,
        finish: finish_reason, usage: [answer.usage.prompt_tokens, answer.usage.completion_tokens] };
    }
    const got = { text: "", thought: "", calls: [], blocks: [], finish: null, usage: null };
    for await (const chunk of await client.chat.completions.create(
        { ...body, stream: true, stream_options: { include_usage: true } })) {
      if (chunk.usage) got.usage = [chunk.usage.prompt_tokens, chunk.usage.completion_tokens];
      const choice = chunk.choices[0];
      if (!choice) continue;
      got.text += choice.delta.content ?? "";
      got.thought += choice.delta.reasoning_content ?? "";
      got.blocks.push(...(choice.delta.thinking_blocks ?? []));
      got.finish = choice.finish_reason ?? got.finish;
      for (const piece of choice.delta.tool_calls ?? []) {
        const call = (got.calls[piece.index] ??= { id: "", type: "function", function: { name: "", arguments: "" } });
        call.id += piece.id ?? "";
        if (piece.extra_content) call.extra_content = piece.extra_content;
        call.function.name += piece.function?.name ?? "";
        call.function.arguments += piece.function?.arguments ?? "";
      }
    }
    return { ...got, message: { role: "assistant", content: got.text || null, tool_calls: got.calls,
      ...(got.blocks.length ? { thinking_blocks: got.blocks } : {}) } };
  }
  const user = (content) => [{ role: "user", content }];

  async function loop(model, stream, cell, start, fields = {}) {
    const first = await say(model, stream, user(cell), { tools, ...start, ...fields });
    const call = first.calls[0];
    const back = { role: "tool", tool_call_id: call.id, content: ask.result(JSON.parse(call.function.arguments)) };
    const last = await say(model, stream, [...user(cell), first.message, back], { tools, ...fields });
    return { ...last, call: [call.function.name, JSON.parse(call.function.arguments)], stopped: first.finish,
      thought: first.thought };
  }

  return {
    text: async (model, stream, cell) => say(model, stream, user(cell)),
    tools: (model, stream, cell) => loop(model, stream, cell, { tool_choice: "required" }),
    signed: (model, stream, cell) => loop(model, stream, cell, {}, { reasoning_effort: "low" }),
    // What a provider has no word for is named in a header of the answer.
    options: async (model, stream, cell) => {
      const { data, response } = await client.chat.completions.create({ model, stream, stop: ["END"], temperature: 0.5,
        seed: 7, logit_bias: { 50256: -100 }, max_tokens: 3000,
        messages: [{ role: "system", content: ask.system }, { role: "user", content: cell }] }).withResponse();
      const pieces = [];
      if (stream) for await (const chunk of data) pieces.push(chunk.choices[0]?.delta?.content ?? "");
      return { text: stream ? pieces.join("") : data.choices[0].message.content,
        dropped: response.headers.get("x-echelon-dropped") };
    },
    json: async (model, stream, cell) => say(model, stream, user(cell), { response_format: { type: "json_object" } }),
    schema: async (model, stream, cell) => say(model, stream, user(cell), {
      response_format: { type: "json_schema", json_schema: { name: "s", strict: true, schema: ask.schema } } }),
    thinking: async (model, stream, cell) => say(model, stream, user(cell), { reasoning_effort: "low" }),
    image: async (model, stream, cell) => say(model, stream, user([
      { type: "text", text: cell }, { type: "image_url", image_url: { url: "data:image/png;base64," + ask.image } }])),
    embeddings: async (model, _, cell) => {
      const answer = await client.embeddings.create({ model, input: [cell, "b"] });
      return { vectors: answer.data.map((row) => row.embedding) };
    },
  };
}
