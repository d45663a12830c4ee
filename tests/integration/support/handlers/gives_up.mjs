import { writeFileSync } from "node:fs";
import { once } from "node:events";
import { Retry, run } from "volley-handler";

await run(async (message, out) => {
  if (message.text !== "taken away") return out.send("out", message.body);
  const { signal } = message;
  writeFileSync("working", "");
  // An event alone does not keep the process alive.
  const alive = setInterval(() => {}, 1000);
  if (!signal.aborted) await once(signal, "abort");
  clearInterval(alive);
  writeFileSync("gave-up", "");
  throw new Retry("another has it");
});
