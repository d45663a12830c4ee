// Tests the handler without queues: node --test
import assert from "node:assert/strict";
import { test } from "node:test";

import { handle } from "./handle.mjs";
import { Fail, Message } from "./volley-handler.mjs";

// Returns what the handler sends for an order: [queue, body] of each output.
async function outputsFor(order) {
  const sent = [];
  await handle(new Message({ id: "1", body: order }), { send: (queue, body) => sent.push([queue, body]) });
  return sent;
}

test("an order becomes a shipment", async () => {
  const sent = await outputsFor({ id: 1, customer: "Ada", quantity: 9 });
  assert.deepEqual(sent, [["shipments", { order: 1, to: "Ada", parcels: 3 }]]);
});

test("an order that is too large fails", async () => {
  await assert.rejects(outputsFor({ id: 1, customer: "Ada", quantity: 101 }), Fail);
});
