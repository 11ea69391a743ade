// Vercel `ai` with `@ai-sdk/openai-compatible`.
import { vercel } from "./vercel.mjs";

export async function drive(x) {
  const { createOpenAICompatible } = await x.load("@ai-sdk/openai-compatible");
  const provider = createOpenAICompatible({ name: "echelon", baseURL: x.base + "/v1", apiKey: x.key,
    includeUsage: true, supportsStructuredOutputs: true });
  const embedding = (model) => provider.textEmbeddingModel(model);
  return vercel(x, (model) => provider(model), { echelon: { reasoningEffort: "low" } }, true, embedding);
}
