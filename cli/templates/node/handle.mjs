// The handler: makes a shipment of each order.
import { Fail } from "./volley-handler.mjs";

const LARGEST = 100; // items of a shipment
const PARCEL = 4; // items of a parcel

// volleyd has checked the body against order.schema.json; only a tombstone has none.
//
// What this throws decides what happens to the message: Retry, Fail or Drop. Any other error is a Retry.
export async function handle(message, out) {
  if (message.tombstone) throw new Fail("an order without a body");
  const { id, customer, quantity } = message.body;
  if (quantity > LARGEST) throw new Fail(`${quantity} items are too many for a shipment`);
  out.send("shipments", { order: id, to: customer, parcels: Math.ceil(quantity / PARCEL) });
}
