// npm `@google/genai`, for servers that speak Gemini's API themselves.
export async function drive({ load, base, key, ask }) {
  const { GoogleGenAI, FunctionCallingConfigMode } = await load("@google/genai");
  const client = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: base, timeout: 20000 } });
  const tools = [{ functionDeclarations: [{ name: "f", description: "d", parametersJsonSchema: ask.parameters }] }];

  async function say(model, stream, contents, config = {}) {
    const body = { model, contents, config: { systemInstruction: ask.system, ...config } };
    let all = [];
    if (stream) {
      for await (const piece of await client.models.generateContentStream(body)) all.push(piece);
    } else {
      all = [await client.models.generateContent(body)];
    }
    const parts = all.flatMap((x) => x.candidates?.[0]?.content?.parts ?? []);
    const last = all.at(-1);
    return { text: parts.filter((x) => x.text && !x.thought).map((x) => x.text).join(""), parts,
      thought: parts.filter((x) => x.thought).map((x) => x.text).join(""), finish: last.candidates[0].finishReason,
      calls: parts.filter((x) => x.functionCall).map((x) => x.functionCall),
      usage: [last.usageMetadata.promptTokenCount, last.usageMetadata.candidatesTokenCount] };
  }
  const user = (cell) => [{ role: "user", parts: [{ text: cell }] }];

  return {
    text: async (model, stream, cell) => say(model, stream, user(cell)),
    tools: async (model, stream, cell) => {
      const first = await say(model, stream, user(cell), { tools,
        toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } } });
      const call = first.calls[0];
      const back = { functionResponse: { name: call.name, response: { output: ask.result(call.args) } } };
      const last = await say(model, stream, [...user(cell), { role: "model", parts: first.parts },
        { role: "user", parts: [back] }], { tools });
      return { ...last, call: [call.name, call.args], stopped: first.finish };
    },
    thinking: async (model, stream, cell) => say(model, stream, user(cell), {
      thinkingConfig: { includeThoughts: true, thinkingBudget: 2000 } }),
    embeddings: async (model, _, cell) => {
      const answer = await client.models.embedContent({ model, contents: [cell, "b"], config: { outputDimensionality: 8 } });
      return { vectors: answer.embeddings.map((row) => row.values) };
    },
  };
}
