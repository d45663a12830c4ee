"""Tests the handler without queues: python3 -m unittest"""

import json
import unittest

from ship import handle
from volley_handler import Fail, Message, Outputs


def outputs_for(order):
    """Returns what the handler sends for an order: (queue, body) of each output."""
    message = Message({"id": "1", "body": order})
    out = Outputs(message)
    handle(message, out)
    return [(sent["queue"], sent["body"]) for sent in map(json.loads, out.sent)]


class HandleTest(unittest.TestCase):
    def test_an_order_becomes_a_shipment(self):
        sent = outputs_for({"id": 1, "customer": "Ada", "quantity": 9})
        self.assertEqual(sent, [("shipments", {"order": 1, "to": "Ada", "parcels": 3})])

    def test_an_order_that_is_too_large_fails(self):
        with self.assertRaises(Fail):
            outputs_for({"id": 1, "customer": "Ada", "quantity": 101})


if __name__ == "__main__":
    unittest.main()
