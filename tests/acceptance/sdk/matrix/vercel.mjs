// What both providers of Vercel's `ai` share. The package runs the tool loop itself.
export async function vercel({ load, ask }, model, thinking, schemas, embedding) {
  const ai = await load("ai");
  const f = ai.tool({ description: "d", inputSchema: ai.jsonSchema(ask.parameters), execute: async (x) => ask.result(x) });

  async function say(name, stream, content, fields = {}) {
    const options = { model: model(name), system: ask.system, maxOutputTokens: 3000, maxRetries: 0,
      messages: [{ role: "user", content }], ...fields };
    let failed = null;
    const got = stream ? ai.streamText({ ...options, onError: ({ error }) => { failed = error; } })
      : await ai.generateText(options);
    if (stream) await got.consumeStream();
    if (failed) throw failed;
    const [text, thought, finish, usage, steps] = await Promise.all(
      [got.text, got.reasoningText, got.finishReason, got.usage, got.steps]);
    const call = steps.flatMap((x) => x.toolCalls)[0];
    return { text, thought: thought ?? steps[0].reasoningText ?? "", finish, usage: [usage.inputTokens, usage.outputTokens],
      call: call && [call.toolName, call.input], stopped: steps[0].finishReason };
  }
  const features = {
    text: (name, stream, cell) => say(name, stream, cell),
    tools: (name, stream, cell) => say(name, stream, cell, { tools: { f }, stopWhen: ai.stepCountIs(2),
      prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber === 0 ? "required" : "auto" }) }),
    signed: (name, stream, cell) => say(name, stream, cell, { tools: { f }, stopWhen: ai.stepCountIs(2),
      providerOptions: thinking }),
    thinking: (name, stream, cell) => say(name, stream, cell, { providerOptions: thinking }),
    image: (name, stream, cell) => say(name, stream, [
      { type: "text", text: cell },
      { type: "image", image: Buffer.from(ask.image, "base64"), mediaType: "image/png" }]),
  };
  if (embedding) {
    features.embeddings = async (name, _, cell) => ({
      vectors: (await ai.embedMany({ model: embedding(name), values: [cell, "b"], maxRetries: 0 })).embeddings });
    features.json = async (name, stream, cell) => {
      const options = { model: model(name), system: ask.system, prompt: cell, output: "no-schema", maxRetries: 0 };
      const got = stream ? ai.streamObject(options) : await ai.generateObject(options);
      if (stream) for await (const _ of got.partialObjectStream);
      const usage = await got.usage;
      return { text: JSON.stringify(await got.object), finish: await got.finishReason,
        usage: [usage.inputTokens, usage.outputTokens] };
    };
  }
  if (schemas)
    features.schema = async (name, stream, cell) => {
      const options = { model: model(name), system: ask.system, prompt: cell, schema: ai.jsonSchema(ask.schema), maxRetries: 0 };
      if (!stream) {
        const { object, usage, finishReason } = await ai.generateObject(options);
        return { text: JSON.stringify(object), finish: finishReason, usage: [usage.inputTokens, usage.outputTokens] };
      }
      const got = ai.streamObject(options);
      for await (const _ of got.partialObjectStream);
      const usage = await got.usage;
      return { text: JSON.stringify(await got.object), finish: await got.finishReason,
        usage: [usage.inputTokens, usage.outputTokens] };
    };
  return features;
}
