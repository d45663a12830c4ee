import { run } from "volley-handler";

await run((message, out) => {
  out.send("out", "keyed", { key: "own ü" });
  out.send("out", "binary key", { key: Buffer.from([0xff, 0]) });
  out.send("out", "headed", { headers: { from: "handler" } });
  out.send("out", "delayed", { delayMs: 3_600_000 });
  out.send(null, "all");
  out.sendTombstone("out");
});
