// A handler in Node.js, on the package of plugin_api/node: `npm install` it from there.
import { Fail, run } from "volley-handler";

await run(async (message, out) => {
  if (typeof message.body !== "object" || message.body === null || Array.isArray(message.body)) throw new Fail("no object");
  const upper = ([k, v]) => [k, typeof v === "string" ? v.toUpperCase() : v];
  out.send("out", Object.fromEntries(Object.entries(message.body).map(upper)));
});
