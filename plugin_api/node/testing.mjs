// Calls handlers in tests, without an engine.
//
//     import { call } from "volley-handler/testing";
//     import { handle } from "./ship.mjs";
//
//     test("an order is shipped", async () => {
//       const { verdict, outputs } = await call(handle, { order: 1 }, { key: "k" });
//       assert.equal(verdict, "ok");
//       assert.deepEqual(outputs[0].body, { order: 1 });
//     });
//
// The module under test calls `run` only under Volley: `if (process.env.VOLLEY_COMPONENT) await run(handle);`.
import { internals, Message, Outputs } from "./volley-handler.mjs";

const { Work, FailedGroups, answerOf, headersOf, judge, outcomeOf, textOrBase64, writtenHeaders } = internals;

// Calls the handler with one message. Returns { verdict, why, afterMs, outputs }.
//
// `body`: a string is text, a Buffer is bytes, null is a tombstone, anything else is a JSON value; with `json: true`, a
// string and null are also JSON values. The other options are members of the message: key, headers, attempt, source
// (such as `{ queue: "orders", offset: 12 }`), signal. A class is instantiated, opened and closed; an object is called
// directly.
export async function call(handler, body, options = {}) {
  return (await callAll(handler, [{ ...options, body }], false))[0];
}

// Calls the handler with a batch of such messages: `[{ body, key, … }, …]`. Returns a result for each.
export function callBatch(handler, messages) {
  return callAll(handler, messages, true);
}

async function callAll(handler, inputs, isBatch) {
  const work = new Work(handler);
  if (isBatch && !work.hasBatches) throw new TypeError("the handler has no handleBatch");
  if (work.isClass) await work.open();
  try {
    return await handle(work, inputs, isBatch);
  } finally {
    if (work.isClass) await work.close();
  }
}

async function handle(work, inputs, isBatch) {
  const parts = [];
  const requests = inputs.map(requestOf);
  const signals = inputs.map(({ signal }) => signal ?? new AbortController().signal);
  const messages = requests.map((request) => new Message(request, { signalOf: (id) => signals[Number(id)] }));
  const outs = messages.map((message) => new Outputs(message, async (line) => void parts.push(JSON.parse(line))));
  let decision;
  try {
    judge(await work.handle(messages, outs, isBatch));
  } catch (error) {
    decision = outcomeOf(error);
  }
  const failedGroups = new FailedGroups();
  return outs.map((out, i) => {
    const answer = JSON.parse(answerOf(requests[i], out, decision, failedGroups));
    const before = parts.filter(({ id }) => id === answer.id).flatMap(({ outputs }) => outputs);
    return resultOf(answer, before, messages[i]);
  });
}

function requestOf({ body, key, headers, attempt = 1, source = {}, json = false }, i) {
  const request = { id: String(i), attempt, source: sourceOf(source), call: 1, chain: i };
  if (key != null) Object.assign(request, textOrBase64("key", "key_base64", key));
  if (headers != null) request.headers = writtenHeaders(headers);
  if (body instanceof Uint8Array || (typeof body === "string" && !json)) Object.assign(request, textOrBase64("text", "base64", body));
  else if (body === null && !json) Object.assign(request, { tombstone: true, body: null });
  else request.body = body;
  return JSON.parse(JSON.stringify(request));
}

function sourceOf({ id, timestamp, ...others }) {
  return { ...others, ...(id === undefined ? {} : textOrBase64("id", "id_base64", id)), timestamp_ms: timestamp?.getTime() };
}

function resultOf(answer, before, message) {
  for (const verdict of ["retry", "fail", "drop"]) {
    const why = answer[verdict];
    if (why) return { verdict, why: why === true ? "" : why, afterMs: answer.after_ms, outputs: [] };
  }
  return { verdict: "ok", why: "", afterMs: undefined, outputs: [...before, ...answer.outputs].map((output) => outputOf(output, message)) };
}

// The output as it would be sent: key and headers default to those of the message.
function outputOf({ queue, body, text, base64, key, key_base64, headers, delay_ms, partition, tombstone }, message) {
  return {
    queue: queue ?? null, // null: every output of the component
    body: text ?? (base64 === undefined ? (body ?? null) : Buffer.from(base64, "base64")),
    key: key_base64 === undefined ? (key ?? message.key) : Buffer.from(key_base64, "base64"),
    headers: headers === undefined ? message.headers : headersOf(headers),
    delayMs: delay_ms,
    partition,
    tombstone: tombstone ?? false,
  };
}
