// The body of a JSON message or output.
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

// A Uint8Array if it is not UTF-8, null if it is absent, a list of these if its name is repeated.
export type Header = string | Uint8Array | null | (string | Uint8Array | null)[];
export type Headers = { [name: string]: Header } | Iterable<readonly [string | Uint8Array, Header]>;

export interface RetryOptions {
  /** Not before so many milliseconds. One in the past is ignored. */
  afterMs?: number | null;
}

/** The message fails now and may succeed later. */
export class Retry extends Error {
  constructor(why?: string, options?: RetryOptions);
  readonly afterMs: number | undefined;
}

/** The message fails for good. */
export class Fail extends Error {}

/** The message is not wanted: it is acked without outputs, and counted. */
export class Drop extends Error {}

/** Where a message comes from. What the store does not know is undefined. */
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
  /** The engine's name for it in this conversation, not the store's. */
  readonly id: string;
  /** 1 is the first. */
  readonly attempt: number;
  readonly key: string | Buffer | undefined;
  readonly headers: { [name: string]: string | Buffer | null | (string | Buffer | null)[] };
  /** It has no body. */
  readonly tombstone: boolean;
  /** The body is a JSON value. */
  readonly isJson: boolean;
  /** The JSON value if the queue's serializer is json or msgpack; else a string, or a Buffer if it is not UTF-8. */
  readonly body: Body;
  /** The body as text; JSON is written anew. null for a tombstone; throws if it is not UTF-8. */
  get text(): string | null;
  /** The body as bytes; JSON is written anew. null for a tombstone. */
  get bytes(): Buffer | null;
  get source(): Source;
  /** Aborted when the result is no longer wanted: the lease was lost, or Volley is stopping. */
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

/** The outputs of a message. They go out when the handler returns; none of them if it throws. */
export class Outputs {
  /**
   * Sends to one of the component's outputs, or to every one with null. Bytes go out as they are; a string as it came in, as
   * a JSON string if the message is JSON, else as the text; anything else as JSON.
   */
  send(queue: string | null | undefined, body: unknown, options?: SendOptions): void;
  /** Sends a message without a body. */
  sendTombstone(queue: string | null | undefined, options?: SendOptions): void;
  /** Writes what was sent so far, so that it need not be kept in memory. It is discarded if the message then fails. */
  flush(): Promise<void>;
  /** For one message of a batch: it fails now and may succeed later. */
  retry(why?: string, options?: RetryOptions): void;
  /** For one message of a batch: it fails for good. */
  fail(why?: string): void;
  /** For one message of a batch: it is not wanted. */
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
