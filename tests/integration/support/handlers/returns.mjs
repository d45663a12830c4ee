import { Retry, run } from "volley-handler";

await run((message, out) => {
  const way = message.body;
  if (way === "generator") return (function* () { out.send("out", way); })();
  if (way === "no reason") throw new Retry();
  out.send("out", way);
  return { None: undefined, True: true, list: [1] }[way];
});
