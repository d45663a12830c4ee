// As does.py: does what the body of a message says.
import { appendFileSync, existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { Drop, Fail, Retry, run } from "volley-handler";

let active = 0;
let most = 0; // messages at work at a time so far

async function wait(message) {
  const { until, until_cancelled: untilCancelled, until_active: untilActive = 0, turns = 0 } = message.json();
  appendFileSync("begun.txt", `${message.id}\n`);
  while (until && !existsSync(until)) await setTimeout(1);
  while (untilCancelled && !message.signal.aborted) await setTimeout(1);
  while (most < untilActive) await setTimeout(1);
  for (let i = 0; i < turns; ++i) await setTimeout(1);
  appendFileSync("begun.txt", `${message.id} ends\n`);
}

async function end(message, out) {
  const { flushed = 0, sends = 1, size = 0, then } = message.json();
  for (let i = 0; i < flushed; ++i) {
    out.send("out", "flushed");
    await out.flush();
  }
  for (let i = 0; i < sends; ++i) out.send("out", [i, "x".repeat(size)]);
  if (then === "retry") throw new Retry("later", { afterMs: 1500 });
  if (then === "fail") throw new Fail("never");
  if (then === "drop") throw new Drop("not wanted");
  if (then === "throw") throw new TypeError("it broke");
  if (then === "unprintable") throw { toString: null, Unprintable: true };
}

async function handle(message, out) {
  most = Math.max(most, ++active);
  try {
    await wait(message);
    await end(message, out);
  } finally {
    --active;
  }
}

// Without a promise where that is possible.
function synchronous(message, out) {
  if (["until", "until_cancelled", "until_active", "turns", "flushed", "then"].some((name) => name in message.body)) {
    return handle(message, out);
  }
  appendFileSync("begun.txt", `${message.id}\n${message.id} ends\n`);
  for (let i = 0; i < (message.body.sends ?? 1); ++i) out.send("out", [i, "x".repeat(message.body.size ?? 0)]);
}

const batches = {
  async handleBatch(messages, outs) {
    for (const message of messages) await wait(message);
    for (const [i, message] of messages.entries()) {
      try {
        await end(message, outs[i]);
      } catch (error) {
        if (error instanceof Retry) outs[i].retry(error.message, { afterMs: 1500 });
        else if (error instanceof Fail) outs[i].fail(error.message);
        else if (error instanceof Drop) outs[i].drop(error.message);
        else throw error;
      }
      if (message.body.raise) throw new Retry("all of them");
      appendFileSync("batches.txt", `${message.id} of ${messages.length}\n`);
    }
  },
};

await run({ node: handle, "node-synchronous": synchronous, "node-batches": batches }[process.argv[2]]);
