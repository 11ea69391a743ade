// LangChain with `@langchain/anthropic`.
import { langchain } from "./langchain.mjs";

export async function drive(x) {
  const { ChatAnthropic } = await x.load("@langchain/anthropic");
  const make = (model, more = {}) => new ChatAnthropic({ model, apiKey: x.key, maxRetries: 0, maxTokens: 3000,
    anthropicApiUrl: x.base, ...more });
  const picture = { type: "image", source: { type: "base64", media_type: "image/png", data: x.ask.image } };
  return langchain(x, make, { picture, required: "any", thinking: { thinking: { type: "enabled", budget_tokens: 2000 } } });
}
