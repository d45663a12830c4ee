// The body of a JSON message or output.
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

// A Uint8Array if it is not UTF-8, null if it is absent, a list of these if its name is repeated.
export type Header = string | Uint8Array | null | (string | Uint8Array | null)[];
export type Headers = { [name: string]: Header } | Iterable<readonly [string | Uint8Array, Header]>;

export interface RetryOptions {
  /** The minimum delay in milliseconds. A negative one is ignored. */
  afterMs?: number | null;
}

/** The message fails now and may succeed later. */
export class Retry extends Error {
  constructor(why?: string, options?: RetryOptions);
  readonly afterMs: number | undefined;
}

/** The message fails permanently. */
export class Fail extends Error {}

/** The message is unwanted: it is acked without outputs, and counted. */
export class Drop extends Error {}

/** The origin of a message. Values that the store does not provide are undefined. */
export interface Source {
  /** Its name in the store (topic). */
  queue?: string;
  id?: string | Buffer;
  partition?: number;
  offset?: number;
  timestamp?: Date;
  /** How often the store has delivered it, this time included. */
  deliveries?: number;
}

export class Message<Body = any> {
  /** The engine's id for the message in the protocol, not the store's. */
  readonly id: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly key: string | Buffer | undefined;
  readonly headers: { [name: string]: string | Buffer | null | (string | Buffer | null)[] };
  /** Whether there is no body. */
  readonly tombstone: boolean;
  /** Whether the body is a JSON value. */
  readonly isJson: boolean;
  /** The JSON value if the queue's serializer is json or msgpack; otherwise a string, or a Buffer if it is not UTF-8. */
  readonly body: Body;
  /** The body as text; JSON is serialized again. null for a tombstone; throws if it is not UTF-8. */
  get text(): string | null;
  /** The body as bytes; JSON is serialized again. null for a tombstone. */
  get bytes(): Buffer | null;
  get source(): Source;
  /** Aborted when the result is no longer needed: the lease was lost, or Volley is stopping. */
  get signal(): AbortSignal;
  /** The body as a JSON value; a text or bytes body is parsed. null for a tombstone; throws if it is not JSON. */
  json(): Body;
}

export interface SendOptions {
  /** The message's unless given. */
  key?: string | Uint8Array | null;
  /** The message's unless given. */
  headers?: Headers | null;
  delayMs?: number | null;
  partition?: number | null;
}

/** The outputs of a message. They are sent when the handler returns; none is sent if it throws. */
export class Outputs {
  /** Sends to one of the component's outputs, or to all with null. Bytes are sent unchanged; a string in the form of the input, as
   * a JSON string if the message is JSON, otherwise as text; anything else as JSON.
   */
  send(queue: string | null | undefined, body: unknown, options?: SendOptions): void;
  /** Sends a message without a body. */
  sendTombstone(queue: string | null | undefined, options?: SendOptions): void;
  /** Writes the outputs so far, so that they need not stay in memory. They are discarded if the message then fails. */
  flush(): Promise<void>;
  /** For one message of a batch: it fails now and may succeed later. */
  retry(why?: string, options?: RetryOptions): void;
  /** For one message of a batch: it fails permanently. */
  fail(why?: string): void;
  /** For one message of a batch: it is unwanted. */
  drop(why?: string): void;
}

export type Handle = (message: Message, out: Outputs) => unknown;

interface Lifecycle {
  /** Runs before the first message. If it throws, the process exits with status 1. */
  open?(): unknown;
  /** Runs after the last message. */
  close?(): unknown;
}

export interface MessageHandler extends Lifecycle {
  handle(message: Message, out: Outputs): unknown;
}

export interface BatchHandler extends Lifecycle {
  /** `outs[i]` has the outputs of `messages[i]`. */
  handleBatch(messages: Message[], outs: Outputs[]): unknown;
}

export type Handler = Handle | MessageHandler | BatchHandler | (new () => MessageHandler | BatchHandler);

/** Calls the handler for each message until Volley closes standard input and every message is answered. */
export function run(handler: Handler): Promise<void>;
