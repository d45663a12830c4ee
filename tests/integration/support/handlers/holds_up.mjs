import { setTimeout } from "node:timers/promises";
import { run } from "volley-handler";

let isFirst = true;
await run(async (message, out) => {
  while (isFirst && !process.stdin.isPaused()) await setTimeout(1);
  isFirst = false;
  out.send("out", message.body);
});
