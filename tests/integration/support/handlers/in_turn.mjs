import { appendFileSync } from "node:fs";
import { Retry, run } from "volley-handler";

await run((message, out) => {
  appendFileSync("runs.txt", `${message.body} ${message.attempt}\n`);
  if (Number(message.body) % 10 === 7 && message.attempt === 1) throw new Retry("the first time never works");
  out.send("out", message.body);
});
