"""The handler: makes a shipment of each order."""

import math

from volley_handler import Fail, run

LARGEST = 100  # items of a shipment
PARCEL = 4  # items of a parcel


def handle(message, out):
    """volleyd has checked the body against order.schema.json; only a tombstone has none.

    What this raises decides what happens to the message: Retry(why), Fail(why) or Drop(why). Any other exception is a Retry.
    """
    if message.tombstone:
        raise Fail("an order without a body")
    order = message.body
    if order["quantity"] > LARGEST:
        raise Fail(f"{order['quantity']} items are too many for a shipment")
    parcels = math.ceil(order["quantity"] / PARCEL)
    out.send("shipments", {"order": order["id"], "to": order["customer"], "parcels": parcels})


if __name__ == "__main__":
    run(handle)
