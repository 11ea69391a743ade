// What both chat models of LangChain share.
export async function langchain({ load, ask }, make, { picture, required, embed, json, schema, thinking }) {
  const { HumanMessage, SystemMessage, ToolMessage } = await load("@langchain/core/messages");
  const tool = { name: "f", description: "d", schema: ask.parameters };
  const start = (content) => [new SystemMessage(ask.system), new HumanMessage({ content })];
  const parts = (message) => Array.isArray(message.content) ? message.content
    : [{ type: "text", text: message.content }];

  async function answer(model, stream, messages) {
    if (!stream) return model.invoke(messages);
    let whole = null;
    for await (const chunk of await model.stream(messages)) whole = whole ? whole.concat(chunk) : chunk;
    return whole;
  }
  function told(message) {
    const usage = message.usage_metadata;
    const meta = message.response_metadata;
    return { text: parts(message).filter((x) => x.type === "text").map((x) => x.text).join(""),
      thought: parts(message).filter((x) => x.type === "thinking").map((x) => x.thinking).join(""),
      finish: meta.finish_reason ?? meta.stop_reason ?? message.additional_kwargs.stop_reason,
      usage: [usage.input_tokens, usage.output_tokens] };
  }
  async function loop(chat, stream, cell, choice = {}) {
    const first = await answer(chat.bindTools([tool], choice), stream, start(cell));
    const call = first.tool_calls[0];
    const back = new ToolMessage({ tool_call_id: call.id, content: ask.result(call.args) });
    const last = await answer(chat.bindTools([tool]), stream, [...start(cell), first, back]);
    return { ...told(last), call: [call.name, call.args], stopped: told(first).finish, thought: told(first).thought };
  }
  const features = {
    text: async (name, stream, cell) => told(await answer(make(name), stream, start(cell))),
    tools: (name, stream, cell) => loop(make(name), stream, cell, { tool_choice: required }),
    image: async (name, stream, cell) => told(await answer(make(name), stream, start([{ type: "text", text: cell }, picture]))),
  };
  if (embed)
    features.embeddings = async (name, _, cell) => ({ vectors: await embed(name, [cell, "b"]) });
  if (json)
    features.json = async (name, stream, cell) => told(await answer(make(name).withConfig(json), stream, start(cell)));
  if (!schema) // By a forced call.
    features.schema = async (name, stream, cell) => {
      const chat = make(name).withStructuredOutput(ask.schema, { name: "s", includeRaw: true });
      let whole = null;
      if (stream) for await (const piece of await chat.stream(start(cell))) whole = { ...whole, ...piece };
      else whole = await chat.invoke(start(cell));
      return { ...told(whole.raw), text: JSON.stringify(whole.parsed) };
    };
  if (schema)
    features.schema = async (name, stream, cell) => told(await answer(make(name).withConfig(schema), stream, start(cell)));
  if (thinking)
    features.signed = async (name, stream, cell) => loop(make(name, thinking), stream, cell);
  if (thinking)
    features.thinking = async (name, stream, cell) => told(await answer(make(name, thinking), stream, start(cell)));
  return features;
}
