// Vercel `ai` with `@ai-sdk/anthropic`.
import { vercel } from "./vercel.mjs";

export async function drive(x) {
  const { createAnthropic } = await x.load("@ai-sdk/anthropic");
  const provider = createAnthropic({ baseURL: x.base + "/v1", apiKey: x.key });
  return vercel(x, (model) => provider(model), { anthropic: { thinking: { type: "enabled", budgetTokens: 2000 } } }, true);
}
