// Handlers for Volley in Node.js (18 or later).
//
//     import { run } from "volley-handler";
//     const handle = async (message, out) => out.send("shipments", message.body);
//     await run(handle);
//
// volleyd starts the script for a component with `handler: {exec: [node, ship.mjs]}`. This file stands alone: install
// the package, or copy the file beside the script. It speaks the protocol of docs/handler-protocol.md: one JSON line per
// message on standard input, one JSON line per answer on standard output.
//
// Standard output belongs to the protocol: text that the script or its libraries print goes to standard error, and thus
// to Volley's log. Under volleyd this begins with the import of this module. volley-handler.d.ts has the types.

import { isatty } from "node:tty";

// The limit of pending outputs of a message, in characters; beyond it, a partial answer is written.
const partSize = 256 << 10;
// The limit of lines that are read but not begun, in characters; beyond it, the rest stays in the pipe.
const mostWaiting = 4 << 20;

// The message fails now and may succeed later; the next attempt is not before `afterMs`, if given. A negative `afterMs`
// is ignored. Throws RangeError if it is not a time.
export class Retry extends Error {
  constructor(why = "", { afterMs } = {}) {
    super(why);
    this.afterMs = afterMs == null ? undefined : milliseconds(afterMs < 0 ? 0 : afterMs);
  }
}

// The message fails permanently.
export class Fail extends Error {}

// The message is unwanted: it is acked without outputs, and counted.
export class Drop extends Error {}

// A message. `request` is the decoded line of the protocol.
export class Message {
  #cancellations;
  #source;

  constructor(request, cancellations) {
    this.id = request.id; // the engine's id for the message in the protocol, not the store's
    this.attempt = request.attempt ?? 1;
    this.headers = headersOf(request.headers);
    this.#cancellations = cancellations;
    this.#source = request.source;
    // A string, or a Buffer if it is not UTF-8, or undefined.
    this.key = "key_base64" in request ? Buffer.from(request.key_base64, "base64") : request.key;
    this.tombstone = request.tombstone ?? false; // whether there is no body
    this.isJson = "body" in request && !this.tombstone;
    // The JSON value if the queue's serializer is json or msgpack; otherwise the text, or a Buffer if it is not UTF-8.
    this.body = request.body;
    if ("text" in request) this.body = request.text;
    else if ("base64" in request) this.body = Buffer.from(request.base64, "base64");
  }

  // An AbortSignal: the result is no longer needed, because the lease was lost and another consumer has the message, or
  // Volley is stopping. A long-running handler can then give up and throw Retry.
  get signal() {
    return this.#cancellations?.signalOf(this.id) ?? new AbortController().signal;
  }

  // The origin of the message. Values that the store does not provide are undefined.
  get source() {
    const { queue, id, id_base64, partition, offset, timestamp_ms, deliveries } = this.#source ?? {};
    return {
      queue, // its name in the store (topic)
      id: id_base64 === undefined ? id : Buffer.from(id_base64, "base64"),
      partition,
      offset,
      timestamp: timestamp_ms === undefined ? undefined : new Date(timestamp_ms),
      deliveries, // how often the store has delivered it, this time included
    };
  }

  // The body as a JSON value; a text or bytes body is parsed. null for a tombstone; throws if it is not JSON.
  json() {
    return this.isJson || this.tombstone ? this.body : JSON.parse(this.text);
  }

  // The body as text; JSON is serialized again. null for a tombstone; throws if it is not UTF-8.
  get text() {
    if (this.tombstone) return null;
    if (this.isJson) return JSON.stringify(this.body);
    return Buffer.isBuffer(this.body) ? new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.body) : this.body;
  }

  // The body as a Buffer; JSON is serialized again. null for a tombstone.
  get bytes() {
    if (this.tombstone) return null;
    return Buffer.isBuffer(this.body) ? this.body : Buffer.from(this.text);
  }
}

// Ends the outputs of a message. Returns the outcome if there is one, and the remaining outputs.
let endOutputs;

// The outputs of a message. They are sent when the handler returns; none is sent if it throws.
export class Outputs {
  #message;
  #write; // writes a line; undefined if the engine does not accept partial answers
  #sent = []; // as JSON objects of the protocol
  #size = 0; // of those in #sent, in characters
  #decision;
  #isAnswered = false;

  constructor(message, write) {
    this.#message = message;
    this.#write = write;
  }

  // Sends to one of the component's outputs, or to all of them with null.
  //
  // `body`: a Buffer is sent unchanged; a string in the form of the input, as a JSON string if the message is JSON,
  // otherwise as text; null as a tombstone if the message is one; anything else as JSON. `message.body` is thus
  // forwarded unchanged. `key` and `headers` default to those of the message: `{ ...message.headers, "seen-by": "me" }`
  // adds one. Throws after the message was answered.
  send(queue, body, options) {
    this.#send(queue, this.#written(body), options);
  }

  // Sends a message without a body; the options are those of `send`.
  sendTombstone(queue, options) {
    this.#send(queue, '"tombstone":true', options);
  }

  // Writes the outputs so far, so that they need not stay in memory. They are discarded if the message then fails.
  // `send` does this automatically from time to time. Has no effect if the engine does not accept partial answers.
  async flush() {
    this.#size = 0;
    if (!this.#write || this.#sent.length === 0 || this.#isAnswered) return;
    const part = `{"id":"${this.#message.id}","outputs":[${this.#sent.join(",")}],"more":true}\n`;
    this.#sent = [];
    await this.#write(part);
  }

  // The outcome of one message of a batch, as if Retry, Fail or Drop were thrown for it.
  retry(why, options) {
    this.#decision = outcomeOf(new Retry(why, options));
  }

  fail(why) {
    this.#decision = outcomeOf(new Fail(why));
  }

  drop(why) {
    this.#decision = outcomeOf(new Drop(why));
  }

  static {
    endOutputs = (out) => {
      out.#isAnswered = true;
      return { message: out.#message, decision: out.#decision, sent: out.#sent };
    };
  }

  #send(queue, written, { key, headers, delayMs, partition } = {}) {
    const output = queue == null ? {} : { queue };
    if (key != null) Object.assign(output, textOrBase64("key", "key_base64", key));
    if (headers != null) output.headers = writtenHeaders(headers);
    if (delayMs != null) output.delay_ms = milliseconds(delayMs);
    if (partition != null) output.partition = partition;
    const others = JSON.stringify(output).slice(1, -1);
    if (this.#isAnswered) throw new Error("the message is already answered: outputs are sent before the handler returns");
    const sent = `{${written}${others === "" ? "" : ","}${others}}`;
    this.#sent.push(sent);
    this.#size += sent.length;
    if (this.#size > partSize) this.flush().catch(() => {}); // a failed write ends the process, see Conversation
  }

  // The body's member of the output. JSON is not wrapped into a string, which would be encoded and decoded twice.
  #written(body) {
    if (body instanceof Uint8Array) return member(textOrBase64("text", "base64", body));
    if (typeof body === "string" && !this.#message.isJson) return member({ text: utf8(body) });
    if (body === null && this.#message.tombstone) return '"tombstone":true';
    const json = JSON.stringify(body);
    if (json === undefined) throw new TypeError(`a body that is ${typeof body} cannot be sent`);
    return `"body":${json}`;
  }
}

// Calls the handler for each message until Volley closes standard input and every message is answered.
//
// `handler` is a function `handle(message, out)`, or an object with a method `handle(message, out)` or
// `handleBatch(messages, outs)`, or a class, which is instantiated. Its `open()` runs before the first message, and
// `close()` after the last one. If `open()` throws, the process prints the error and exits with status 1. As many handlers
// run at a time as the component's concurrency says; messages of one ordering group are handled one after another.
//
// The exception decides: Retry, Fail or Drop; any other exception is a Retry, with its stack in Volley's log.
export async function run(handler) {
  const write = takeOutput();
  const signals = new IgnoredSignals();
  let work;
  try {
    work = new Work(handler);
    await work.open();
  } catch (error) {
    console.error(error);
    process.exit(1);
  }
  const send = (text) => new Promise((resolve, reject) => write(text, (error) => (error ? reject(error) : resolve())));
  // Volley may then send messages of one ordering group ahead; those behind a failure are skipped.
  const hello = { volley: 2, chains: true, cancels: true, source: true, batches: work.hasBatches || undefined };
  try {
    await send(`${JSON.stringify(hello)}\n`);
    await new Conversation(work, send, signals).serve(process.stdin);
  } finally {
    process.stdin.destroy(); // otherwise it would keep a useless process alive
    await work.close();
    signals.restore();
  }
}

// The argument of `run`.
class Work {
  #given;
  #isMethod;

  constructor(given) {
    this.isClass = typeof given === "function" && /^class\b/.test(Function.prototype.toString.call(given));
    this.#given = this.isClass ? new given() : given;
    this.#isMethod = typeof this.#given?.handle === "function";
    this.hasBatches = typeof this.#given?.handleBatch === "function";
  }

  open() {
    return this.#given?.open?.();
  }

  close() {
    return this.#given?.close?.();
  }

  // Returns the result of the handler.
  handle(messages, outs, isBatch) {
    if (this.hasBatches && (isBatch || !this.#isMethod)) return this.#given.handleBatch(messages, outs);
    return this.#isMethod ? this.#given.handle(messages[0], outs[0]) : this.#given(messages[0], outs[0]);
  }
}

// The ordering groups in which a message has failed, of the latest calls with failures.
class FailedGroups {
  #calls = new Map();

  hasFailed({ call, chain: group }) {
    return this.#calls.size > 0 && this.#calls.get(call)?.has(group) === true;
  }

  fail({ call, chain: group }) {
    if (group === undefined) return;
    if (!this.#calls.has(call)) this.#calls.set(call, new Set());
    this.#calls.get(call).add(group);
    if (this.#calls.size > 1000) this.#calls.delete(this.#calls.keys().next().value);
  }
}

// The task of a line: a message, or a batch.
class Task {
  groups = [];
  blocked = 0; // groups in which it is not the first
  #line;
  #requests;
  #isBatch;

  constructor(line) {
    this.#line = line;
    this.size = line.length;
  }

  // Parsed on demand, because waiting lines take less memory.
  get requests() {
    if (!this.#requests) {
      const request = JSON.parse(this.#line);
      this.#line = undefined;
      this.#isBatch = request.batch != null;
      this.#requests = request.batch ?? [request];
    }
    return this.#requests;
  }

  get isBatch() {
    return this.requests !== undefined && this.#isBatch;
  }
}

function groupsOf(requests) {
  const groups = [];
  for (const { call, chain } of requests) if (chain !== undefined) groups.push(`${call}/${chain}`);
  return groups.length < 2 ? groups : [...new Set(groups)];
}

// Which tasks may begin: those that share an ordering group one after another, and at most `limit` at a time.
class Schedule {
  #limit;
  #active = 0;
  #ready = new Queue();
  #groups = new Map(); // from a group with a task that is ready or has begun, to the tasks behind it

  constructor(limit) {
    this.#limit = limit;
  }

  add(task) {
    if (this.#limit > 1) task.groups = groupsOf(task.requests); // otherwise all run in turn
    for (const group of task.groups) {
      const behind = this.#groups.get(group);
      if (behind) {
        task.blocked += 1;
        behind.push(task);
      } else this.#groups.set(group, new Queue());
    }
    if (task.blocked === 0) this.#ready.push(task);
  }

  next() {
    if (this.#active === this.#limit || this.#ready.length === 0) return undefined;
    this.#active += 1;
    return this.#ready.shift();
  }

  end(task) {
    this.#active -= 1;
    for (const group of task.groups) {
      const behind = this.#groups.get(group);
      if (behind.length === 0) this.#groups.delete(group);
      else {
        const next = behind.shift();
        if (--next.blocked === 0) this.#ready.push(next);
      }
    }
  }

  get isEmpty() {
    return this.#active === 0 && this.#ready.length === 0;
  }
}

// First in, first out. An array's shift() moves all remaining elements.
class Queue {
  #items = [];
  #begin = 0;

  get length() {
    return this.#items.length - this.#begin;
  }

  push(item) {
    this.#items.push(item);
  }

  shift() {
    const item = this.#items[this.#begin];
    this.#items[this.#begin++] = undefined;
    if (this.#begin > 1000 && this.#begin * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#begin);
      this.#begin = 0;
    }
    return item;
  }
}

// The messages that are read but not answered.
class Conversation {
  #work;
  #send;
  #signals;
  #part; // writes a partial answer; only engines that set the variable accept them
  #schedule;
  #failedGroups = new FailedGroups();
  #controllers = new Map(); // of messages whose signal was asked for, or that are cancelled
  #waiting = 0; // characters of lines that are not begun
  #answers = "";
  #flushAtEnd; // of this turn of the event loop
  #turnEnds = 0;
  #isWriting = false; // no message begins meanwhile
  #stream;
  #begun = [];
  #ended = false;
  #over;
  #fail;

  constructor(work, send, signals) {
    this.#work = work;
    this.#send = send;
    this.#signals = signals;
    const { VOLLEY_CONCURRENCY: concurrency } = process.env;
    this.#schedule = new Schedule(Math.max(1, Number.parseInt(concurrency, 10) || 1));
    if (concurrency !== undefined) this.#part = (line) => this.#write(line);
  }

  // Returns when the stream has ended and every message is answered.
  serve(stream) {
    this.#stream = stream;
    return new Promise((resolve, reject) => {
      this.#over = resolve;
      this.#fail = reject;
      stream.on("data", (chunk) => this.#read(chunk));
      stream.on("error", reject);
      stream.on("end", () => {
        this.#ended = true;
        this.#signals.restore();
        this.#goOn();
      });
    });
  }

  signalOf(id) {
    return this.#controllerOf(id).signal;
  }

  #controllerOf(id) {
    if (!this.#controllers.has(id)) this.#controllers.set(id, new AbortController());
    return this.#controllers.get(id);
  }

  // Lines end only at a line feed: JSON strings may contain other separators, and node:readline would split them.
  #read(chunk) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const rest = chunk.subarray(from, end);
      const line = (this.#begun.length === 0 ? rest : Buffer.concat([...this.#begun, rest])).toString();
      this.#begun = [];
      from = end + 1;
      if (line.startsWith('{"cancelled":')) this.#controllerOf(JSON.parse(line).cancelled).abort();
      else this.#take(new Task(line));
    }
    if (from < chunk.length) this.#begun.push(chunk.subarray(from));
    this.#goOn();
    // Lines beyond the limit wait in the pipe, including cancellations.
    if (this.#waiting > mostWaiting) this.#stream.pause();
  }

  #take(task) {
    this.#waiting += task.size;
    this.#schedule.add(task);
  }

  #goOn() {
    while (!this.#isWriting) {
      const task = this.#schedule.next();
      if (!task) break;
      this.#waiting -= task.size;
      this.#begin(task);
    }
    if (this.#ended) {
      if (this.#schedule.isEmpty && this.#answers === "" && !this.#isWriting) this.#over();
    } else if (this.#waiting <= mostWaiting && this.#stream.isPaused()) this.#stream.resume();
  }

  #begin(task) {
    const requests = []; // being handled
    const messages = [];
    const outs = [];
    for (const request of task.requests) {
      if (this.#failedGroups.hasFailed(request)) {
        this.#answers += `${skipped(request.id)}\n`;
      } else {
        requests.push(request);
        messages.push(new Message(request, this));
        outs.push(new Outputs(messages.at(-1), this.#part));
      }
    }
    let decision;
    try {
      const result = outs.length === 0 ? undefined : this.#work.handle(messages, outs, task.isBatch);
      if (typeof result?.then === "function") {
        this.#wait(result, task, requests, outs).catch(this.#fail);
        return;
      }
      judge(result);
    } catch (error) {
      decision = outcomeOf(error);
    }
    this.#finish(task, requests, outs, decision);
  }

  async #wait(result, task, requests, outs) {
    let decision;
    try {
      judge(await result);
    } catch (error) {
      decision = outcomeOf(error);
    }
    this.#finish(task, requests, outs, decision);
    this.#goOn();
  }

  #finish(task, requests, outs, decision) {
    for (let i = 0; i < outs.length; ++i) this.#answers += `${answerOf(requests[i], outs[i], decision, this.#failedGroups)}\n`;
    this.#schedule.end(task);
    if (this.#schedule.isEmpty) this.#controllers.clear();
    else if (this.#controllers.size > 0) for (const { id } of task.requests) this.#controllers.delete(id);
    this.#flushSoon();
  }

  // Answers of one turn of the event loop are written together, but none waits long for the others.
  #flushSoon() {
    if (this.#isWriting) return; // that write includes these
    if (this.#flushAtEnd === undefined) {
      this.#turnEnds = performance.now() + 2;
      this.#flushAtEnd = setImmediate(() => this.#flush());
    } else if (performance.now() > this.#turnEnds) this.#flush();
  }

  async #flush() {
    clearImmediate(this.#flushAtEnd);
    this.#flushAtEnd = undefined;
    this.#isWriting = true;
    while (this.#answers !== "") {
      const answers = this.#answers;
      this.#answers = "";
      if (!(await this.#write(answers).then(() => true, () => false))) return;
    }
    this.#isWriting = false;
    this.#goOn();
  }

  // A failure also fails the conversation.
  async #write(text) {
    try {
      await this.#send(text);
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }
}

// The answer to a handled message. `decision`, if there is one, applies to the whole batch.
function answerOf(request, out, decision, failedGroups) {
  const { message, decision: own, sent } = endOutputs(out);
  const outcome = decision ?? own;
  if (outcome) {
    if (!outcome.drop) failedGroups.fail(request);
    return JSON.stringify({ id: message.id, ...outcome });
  }
  if (failedGroups.hasFailed(request)) return skipped(message.id); // with an earlier message of the same batch
  return `{"id":"${message.id}","outputs":[${sent.join(",")}]}`;
}

function skipped(id) {
  return JSON.stringify({ id, skipped: true });
}

function outcomeOf(error) {
  try {
    if (error instanceof Fail) return { fail: wellFormed(error.message) || true };
    if (error instanceof Drop) return { drop: wellFormed(error.message) || true };
    if (error instanceof Retry) return { retry: wellFormed(error.message) || true, after_ms: error.afterMs };
    console.error(error);
    return { retry: wellFormed(String(error)) || true };
  } catch {
    return { retry: "the handler threw what cannot be shown as text" };
  }
}

// A generator has not run, so it has no effect.
function judge(result) {
  if (typeof result?.next !== "function") return;
  throw new Fail("the handler is a generator, which nobody runs: outputs are sent with out.send()");
}

// While standard input is open, SIGTERM and SIGINT are ignored: they reach the whole process group or service when
// Volley is stopped, and Volley then closes standard input.
class IgnoredSignals {
  #names = [];
  #listener = () => {};

  constructor() {
    if (isatty(0)) return;
    // A script's own listener stays in place.
    this.#names = ["SIGTERM", "SIGINT"].filter((name) => process.listenerCount(name) === 0);
    for (const name of this.#names) process.on(name, this.#listener);
  }

  // Signals have their usual effect again.
  restore() {
    for (const name of this.#names) process.off(name, this.#listener);
    this.#names = [];
  }
}

// For volley-handler/testing; not for handlers.
export const internals = { Work, FailedGroups, answerOf, headersOf, judge, outcomeOf, textOrBase64, writtenHeaders };

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

// From the protocol's form: an object, or a list of pairs if a name is not UTF-8. A value is a string, a Buffer if it
// is not UTF-8, null if it is absent, or a list of these if its name is repeated. A name that is not UTF-8 becomes
// text.
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

// Returns the function that writes answers; text that is written to process.stdout from now on goes to standard error.
function takeOutput() {
  if (!writeAnswer) {
    writeAnswer = process.stdout.write.bind(process.stdout);
    process.stdout.write = process.stderr.write.bind(process.stderr);
  }
  return writeAnswer;
}

if ("VOLLEY_COMPONENT" in process.env) takeOutput();
