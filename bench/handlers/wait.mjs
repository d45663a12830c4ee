import { setTimeout } from "node:timers/promises";
import { run } from "volley-handler";

await run(async (message, out) => {
  await setTimeout(50);
  out.send("out", message.body);
});
