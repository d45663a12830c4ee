// Handlers for Volley in Node.js (18 or later).
//
//     import { run } from "volley-handler";
//     const handle = async (message, out) => out.send("shipments", message.body);
//     await run(handle);
//
// volleyd starts the script for a component with `handler: {exec: [node, ship.mjs]}`. This file stands alone: install
// the package, or copy the file beside the script. It reads one JSON line a message and answers each in turn with one
// JSON line; a handler is awaited before the next begins.
//
// Standard output belongs to the protocol: what the script or its libraries print goes to standard error, and so into
// Volley's log. Under volleyd that begins with the import of this module.

// The message fails now and may succeed later; not before `afterMs` if that is given. A time that has passed is no wish.
// Throws RangeError for what is no time.
export class Retry extends Error {
  constructor(why = "", { afterMs } = {}) {
    super(why);
    this.afterMs = afterMs == null ? undefined : milliseconds(afterMs < 0 ? 0 : afterMs);
  }
}

// The message fails for good.
export class Fail extends Error {}

// The message is not wanted: acked without outputs, and counted.
export class Drop extends Error {}

// What came in. `request` is the decoded line of the protocol.
export class Message {
  #incoming;

  constructor(request, incoming) {
    this.id = request.id; // the engine's name for it in this conversation, not the store's
    this.attempt = request.attempt ?? 1;
    this.headers = headersOf(request.headers);
    this.#incoming = incoming;
    // A string, or a Buffer if it is no UTF-8, or undefined.
    this.key = "key_base64" in request ? Buffer.from(request.key_base64, "base64") : request.key;
    this.tombstone = request.tombstone ?? false; // it has no body
    this.isJson = "body" in request && !this.tombstone;
    // The JSON value where the queue's serializer is json or msgpack; else the text, or a Buffer if it is no UTF-8.
    this.body = request.body;
    if ("text" in request) this.body = request.text;
    else if ("base64" in request) this.body = Buffer.from(request.base64, "base64");
  }

  // An AbortSignal: nobody waits for the message any more, because its lease was lost, and another consumer has it, or
  // Volley stops. A handler that works long may give up then, and throw Retry; what it returns instead is right, too.
  get signal() {
    return this.#incoming?.signalOf(this.id) ?? new AbortController().signal;
  }

  // The body as text; JSON is written anew. null for a tombstone; throws if it is no UTF-8.
  get text() {
    if (this.tombstone) return null;
    if (this.isJson) return JSON.stringify(this.body);
    return Buffer.isBuffer(this.body) ? new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.body) : this.body;
  }

  // The body as a Buffer; JSON is written anew. null for a tombstone.
  get bytes() {
    if (this.tombstone) return null;
    return Buffer.isBuffer(this.body) ? this.body : Buffer.from(this.text);
  }
}

// What goes out when the handler returns; nothing of it if it throws.
export class Outputs {
  #message;

  constructor(message) {
    this.#message = message;
    this.sent = []; // as the protocol has them: JSON objects
  }

  // Sends to one of the component's outputs, or to every one with null.
  //
  // `body`: a Buffer goes out as it is; a string as it came in, as a JSON string if the message is JSON, else as the
  // text itself; null as a tombstone if the message is one; anything else as JSON. So `message.body` is sent on as it is.
  // `key` and `headers` are the message's unless given: `{ ...message.headers, "seen-by": "me" }` adds one.
  send(queue, body, options) {
    this.#send(queue, this.#written(body), options);
  }

  // Sends a message without a body; the options are those of `send`.
  sendTombstone(queue, options) {
    this.#send(queue, '"tombstone":true', options);
  }

  #send(queue, written, { key, headers, delayMs, partition } = {}) {
    const output = queue == null ? {} : { queue };
    if (key != null) Object.assign(output, textOrBase64("key", "key_base64", key));
    if (headers != null) output.headers = writtenHeaders(headers);
    if (delayMs != null) output.delay_ms = milliseconds(delayMs);
    if (partition != null) output.partition = partition;
    const others = JSON.stringify(output).slice(1, -1);
    this.sent.push(`{${written}${others === "" ? "" : ","}${others}}`);
  }

  // The body's member of the output. JSON is not wrapped into a string: that would be written and read twice.
  #written(body) {
    if (body instanceof Uint8Array) return member(textOrBase64("text", "base64", body));
    if (typeof body === "string" && !this.#message.isJson) return member({ text: utf8(body) });
    if (body === null && this.#message.tombstone) return '"tombstone":true';
    const json = JSON.stringify(body);
    if (json === undefined) throw new TypeError(`a body that is ${typeof body} cannot be sent`);
    return `"body":${json}`;
  }
}

// Calls `handle` for each message, and awaits it, until Volley closes standard input.
//
// What it throws decides, as Retry, Fail and Drop say; anything else is a Retry, with its stack in Volley's log.
export async function run(handle) {
  const write = takeOutput();
  const send = (text) => new Promise((resolve, reject) => write(text, (error) => (error ? reject(error) : resolve())));
  // Volley may then send messages of one ordering group ahead; those behind a failure are skipped.
  await send('{"volley":1,"chains":true,"cancels":true}\n');
  const failedGroups = new FailedGroups();
  const incoming = new Requests(process.stdin);
  try {
    for (let lines = await incoming.take(); lines.length > 0; lines = await incoming.take()) {
      let ready = "";
      let began = performance.now();
      for (const line of lines) {
        ready += `${await answerTo(handle, JSON.parse(line), failedGroups, incoming)}\n`;
        // Together they cost less; but none waits long for the others.
        if (performance.now() - began > 2) {
          await send(ready);
          ready = "";
          began = performance.now();
        }
      }
      if (ready !== "") await send(ready);
    }
  } finally {
    process.stdin.destroy(); // or it would keep a process alive that answers nobody
  }
}

// The ordering groups of the current call in which a message has failed.
class FailedGroups {
  #call;
  #failed = new Set();

  hasFailed({ call, chain: group }) {
    return call === this.#call && this.#failed.has(group);
  }

  fail({ call, chain: group }) {
    if (call !== this.#call) {
      this.#call = call;
      this.#failed.clear();
    }
    if (group !== undefined) this.#failed.add(group);
  }
}

async function answerTo(handle, request, failedGroups, incoming) {
  const message = new Message(request, incoming);
  const out = new Outputs(message);
  const id = message.id;
  if (failedGroups.hasFailed(request)) return JSON.stringify({ id, skipped: true });
  try {
    judge(await handle(message, out));
  } catch (error) {
    if (!(error instanceof Drop)) failedGroups.fail(request);
    return JSON.stringify({ id, ...outcomeOf(error) });
  }
  return `{"id":"${id}","outputs":[${out.sent.join(",")}]}`;
}

function outcomeOf(error) {
  if (error instanceof Fail) return { fail: wellFormed(error.message) || true };
  if (error instanceof Drop) return { drop: wellFormed(error.message) || true };
  if (error instanceof Retry) return { retry: wellFormed(error.message) || true, after_ms: error.afterMs };
  console.error(error);
  return { retry: wellFormed(String(error)) || true };
}

// A generator has not run: nothing would come of it.
function judge(result) {
  if (typeof result?.next !== "function") return;
  throw new Fail("the handler is a generator, which nobody runs: outputs are sent with out.send()");
}

// The lines that come in: messages, and which of them nobody waits for any more. Lines end at a line feed alone: JSON
// strings may hold other separators, and node:readline would break them.
class Requests {
  #begun = [];
  #lines = []; // of messages that are not begun
  #controllers = new Map(); // of messages whose signal was asked for, or that are cancelled
  #waiting = 0; // bytes of #lines
  #ended = false;
  #arrived = () => {};
  #stream;

  constructor(stream) {
    this.#stream = stream;
    stream.on("data", (chunk) => this.#read(chunk));
    stream.on("end", () => {
      this.#ended = true;
      this.#arrived();
    });
  }

  // The messages' lines that are there, as soon as there are some; none when Volley has closed its end.
  async take() {
    if (this.#lines.length === 0 && !this.#ended) {
      this.#controllers.clear(); // all is answered
      await new Promise((resolve) => (this.#arrived = resolve));
    }
    const lines = this.#lines;
    this.#lines = [];
    this.#waiting = 0;
    this.#stream.resume();
    return lines;
  }

  signalOf(id) {
    return this.#controllerOf(id).signal;
  }

  #controllerOf(id) {
    if (!this.#controllers.has(id)) this.#controllers.set(id, new AbortController());
    return this.#controllers.get(id);
  }

  #read(chunk) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...this.#begun, chunk.subarray(from, end)]).toString();
      this.#begun = [];
      from = end + 1;
      if (line.startsWith('{"cancelled":')) this.#controllerOf(JSON.parse(line).cancelled).abort();
      else {
        this.#lines.push(line);
        this.#waiting += line.length;
      }
    }
    // What is beyond waits in the pipe, cancellations too.
    if (this.#waiting > 4 << 20) this.#stream.pause();
    if (from < chunk.length) this.#begun.push(chunk.subarray(from));
    if (this.#lines.length > 0) this.#arrived();
  }
}

function wellFormed(text) {
  return Buffer.from(text).toString();
}

function utf8(text) {
  if (typeof text !== "string" || wellFormed(text) !== text) {
    throw new TypeError("a text, key or header must be a string, without half a surrogate pair");
  }
  return text;
}

function member(object) {
  return JSON.stringify(object).slice(1, -1);
}

// From the protocol's: an object, or a list of pairs where a name is no UTF-8. A value is a string, a Buffer if it is no
// UTF-8, null if there is none, or a list of these if its name is repeated. Such a name is given as text.
function headersOf(headers) {
  if (headers == null) return {};
  if (!Array.isArray(headers)) {
    return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.map(header) : header(value)]));
  }
  const values = new Map();
  for (const [name, value] of headers) {
    const text = String(header(name));
    values.set(text, [...(values.get(text) ?? []), header(value)]);
  }
  return Object.fromEntries([...values].map(([name, all]) => [name, all.length === 1 ? all[0] : all]));
}

function header(value) {
  return value !== null && typeof value === "object" ? Buffer.from(value.base64, "base64") : value;
}

// From an object, or an iterable of pairs.
function writtenHeaders(headers) {
  const pairs = typeof headers[Symbol.iterator] === "function" ? headers : Object.entries(headers);
  return [...pairs].flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => [headerText(name), one === null ? null : headerText(one)]),
  );
}

function headerText(value) {
  const { text, base64 } = textOrBase64("text", "base64", value);
  return text ?? { base64 };
}

function textOrBase64(text, other, value) {
  if (!(value instanceof Uint8Array)) return { [text]: utf8(value) };
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const decoded = bytes.toString();
  return Buffer.from(decoded).equals(bytes) ? { [text]: decoded } : { [other]: bytes.toString("base64") };
}

function milliseconds(delay) {
  if (!(delay >= 0 && delay <= Number.MAX_SAFE_INTEGER)) throw new RangeError(`a delay of ${delay} ms`);
  return Math.round(delay);
}

let writeAnswer;

// Returns how answers are written; what is written to process.stdout from now on goes to standard error.
function takeOutput() {
  if (!writeAnswer) {
    writeAnswer = process.stdout.write.bind(process.stdout);
    process.stdout.write = process.stderr.write.bind(process.stderr);
  }
  return writeAnswer;
}

if ("VOLLEY_COMPONENT" in process.env) takeOutput();
