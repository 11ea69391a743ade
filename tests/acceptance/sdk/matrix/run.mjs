// Plays every cell of one SDK against a router. argv: folder of the packages, base URL, key, SDK, models.
// Prints one line of JSON for each cell: {cell, got} or {cell, threw, status}.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [root, base, key, sdk, models] = process.argv.slice(2);
const require = createRequire(pathToFileURL(root + "/"));
export const load = (name) => import(pathToFileURL(require.resolve(name)).href);

/// What all drivers ask for. The prompt is the cell's name: the upstream tells cells apart by it.
export const ask = {
  system: "be brief",
  schema: { type: "object", properties: { a: { type: "integer" } }, required: ["a"], additionalProperties: false },
  parameters: { type: "object", properties: { x: { type: "integer" } }, required: ["x"] },
  result: (input) => String(41 + input.x), // What the tool f answers.
  image: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
};

const { drive } = await import(new URL(`./${sdk}.mjs`, import.meta.url));
const driver = await drive({ load, base, key, ask });
for (const model of models.split(","))
  for (const [feature, play] of Object.entries(driver))
    for (const mode of feature === "embeddings" ? ["plain"] : ["plain", "stream"]) {
      const cell = [sdk, model, mode, feature].join("/");
      try {
        console.log(JSON.stringify({ cell, got: await play(model, mode === "stream", cell) }));
      } catch (error) {
        console.log(JSON.stringify({ cell, threw: `${error.constructor.name}: ${error.message}`,
          status: error.status ?? error.statusCode }));
      }
    }
