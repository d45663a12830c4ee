import type { BatchHandler, Handler, Headers, Message, Source } from "./volley-handler.js";

export interface Options {
  key?: string | Uint8Array;
  headers?: Headers;
  attempt?: number;
  source?: Source;
  /** A body that is a string or null is a JSON value, not a text or a tombstone. */
  json?: boolean;
  /** Of the message. */
  signal?: AbortSignal;
}

export interface Output {
  /** null: every output of the component. */
  queue: string | null;
  /** The JSON value, a text as a string, or a Buffer if it is not UTF-8; null for a tombstone. */
  body: any;
  /** Defaults to that of the message. */
  key: string | Buffer | undefined;
  /** Default to those of the message. */
  headers: Message["headers"];
  delayMs: number | undefined;
  partition: number | undefined;
  tombstone: boolean;
}

export interface Result {
  verdict: "ok" | "retry" | "fail" | "drop";
  why: string;
  afterMs: number | undefined;
  /** Of "ok"; otherwise they are discarded. */
  outputs: Output[];
}

/** Calls the handler with one message. `body`: a string is text, bytes are bytes, null is a tombstone, anything else is JSON. */
export function call(handler: Handler, body: unknown, options?: Options): Promise<Result>;

/** Calls the handler with a batch. */
export function callBatch(handler: BatchHandler | (new () => BatchHandler), messages: ({ body: unknown } & Options)[]): Promise<Result[]>;
