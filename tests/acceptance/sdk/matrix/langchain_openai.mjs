// LangChain with `@langchain/openai`. It has no place for thoughts of chat completions.
import { langchain } from "./langchain.mjs";

export async function drive(x) {
  const { ChatOpenAI, OpenAIEmbeddings } = await x.load("@langchain/openai");
  const make = (model) => new ChatOpenAI({ model, apiKey: x.key, maxRetries: 0, timeout: 20000, maxTokens: 3000,
    configuration: { baseURL: x.base + "/v1" } });
  const embed = (model, texts) => new OpenAIEmbeddings({ model, apiKey: x.key, maxRetries: 0,
    configuration: { baseURL: x.base + "/v1" } }).embedDocuments(texts);
  const picture = { type: "image_url", image_url: { url: "data:image/png;base64," + x.ask.image } };
  return langchain(x, make, { picture, required: "required", embed, json: { response_format: { type: "json_object" } }, schema: { response_format: {
    type: "json_schema", json_schema: { name: "s", strict: true, schema: x.ask.schema } } } });
}
