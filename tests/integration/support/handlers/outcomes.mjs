import { setTimeout } from "node:timers/promises";
import { Drop, Fail, Retry, run } from "volley-handler";

await run(async (message, out) => {
  const { do: way } = message.body;
  await setTimeout(1);
  if (way === "drop") throw new Drop("not wanted");
  if (way === "fail") {
    out.send("out", "never sent, for the handler fails");
    throw new Fail("it is bad: ü 🌍");
  }
  if (way === "retry" && message.attempt === 1) throw new Retry("not yet", { afterMs: 1 });
  if (way === "long ago" && message.attempt === 1) throw new Retry("its time has passed", { afterMs: -1 });
  if (way === "never") throw new Retry("no time at all", { afterMs: NaN });
  if (way === "throw") throw new Error("something is missing");
  if (way === "wrong") out.send("out", undefined);
  if (way === "half") out.send("out", {}, { key: "\ud83c" });
  if (["send", "retry", "long ago"].includes(way)) out.send("out", { attempt: message.attempt });
});
