// The echo program of the protocol for handlers on the package for Node.js: see ../README.md.
//
//     volley handler-check --echo -- node echo.mjs
import { setTimeout as sleep } from "node:timers/promises";
import { Drop, Fail, Retry, run } from "../../node/volley-handler.mjs";

const waiting = [];
let arrived = 0;

function forward(message, out) {
  const headers = Object.keys(message.headers).length > 0 ? message.headers : undefined;
  out.send("out", message.body, { key: message.key, headers });
}

async function meet(count, ms) {
  arrived += 1;
  if (arrived >= count) {
    for (const go of waiting.splice(0)) go(true);
    return;
  }
  const met = new Promise((resolve) => waiting.push(resolve));
  if (!(await Promise.race([met, sleep(ms, false)]))) throw new Fail("alone");
}

// As the protocol has it.
function sourceOf({ source }) {
  const { queue, id, partition, offset, deliveries, timestamp } = source;
  const isBinary = id instanceof Uint8Array;
  return {
    queue,
    id: isBinary ? undefined : id,
    id_base64: isBinary ? Buffer.from(id).toString("base64") : undefined,
    partition,
    offset,
    deliveries,
    timestamp_ms: timestamp == null ? undefined : Number(timestamp),
  };
}

async function wait(message, ms) {
  const signal = message.signal;
  const cancelled = new Promise((resolve) => {
    if (signal.aborted) resolve(true);
    signal.addEventListener("abort", () => resolve(true));
  });
  if (await Promise.race([cancelled, sleep(ms, false)])) throw new Retry("cancelled");
}

async function handle(message, out) {
  const isObject = message.isJson && typeof message.body === "object" && message.body !== null;
  const body = isObject && !Array.isArray(message.body) ? message.body : {};
  switch (body.do) {
    case "fail":
      throw new Fail(body.why);
    case "retry":
      throw new Retry(body.why, { afterMs: body.after_ms });
    case "drop":
      throw new Drop(body.why);
    case "throw":
      throw new TypeError("thrown");
    case "none":
      return;
    case "copy":
    case "parts":
      for (let n = 0; n < body.count; n += 1) {
        out.send("out", n);
        if (body.do === "parts") await out.flush?.();
      }
      if (body.then === "fail") throw new Fail("behind its parts");
      return;
    case "source":
      out.send("out", sourceOf(message));
      return;
    case "print":
      process.stdout.write("noise");
      break;
    case "sleep":
      await sleep(body.ms);
      break;
    case "meet":
      await meet(body.count, body.within_ms);
      break;
    case "wait":
      await wait(message, body.within_ms);
      break;
  }
  forward(message, out);
}

await run(handle);
