//! The handler: makes a shipment of each order.

use crate::json::Json;

const LARGEST: i64 = 100; // items of a shipment
const PARCEL: i64 = 4; // items of a parcel

/// Why a message has no outputs, with the reason.
#[derive(Debug, PartialEq)]
#[allow(dead_code)] // this handler does not use all of them
pub enum Failure {
    /// It may succeed later: it is tried again.
    Retry(String),
    /// It can never succeed: it becomes a dead letter.
    Fail(String),
    /// It is not wanted: it is acked without outputs, and counted.
    Drop(String),
}

/// Returns a queue and a body for each output. volleyd has checked the order against order.schema.json; it is null for a
/// tombstone, which has no body.
pub fn handle(order: &Json) -> Result<Vec<(&'static str, Json)>, Failure> {
    let of = |name: &str| {
        order
            .get(name)
            .ok_or_else(|| Failure::Fail(format!("an order without {name}")))
    };
    let quantity = of("quantity")?
        .as_i64()
        .ok_or_else(|| Failure::Fail("the quantity is out of range".into()))?;
    if quantity > LARGEST {
        return Err(Failure::Fail(format!(
            "{quantity} items are too many for a shipment"
        )));
    }
    let parcels = (quantity + PARCEL - 1) / PARCEL;
    let shipment = Json::object([
        ("order", of("id")?.clone()),
        ("to", of("customer")?.clone()),
        ("parcels", Json::Number(parcels.to_string())),
    ]);
    Ok(vec![("shipments", shipment)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handled(order: &str) -> Result<Vec<(&'static str, String)>, Failure> {
        let outputs = handle(&Json::parse(order).unwrap())?;
        Ok(outputs
            .into_iter()
            .map(|(queue, body)| (queue, body.to_string()))
            .collect())
    }

    #[test]
    fn an_order_becomes_a_shipment() {
        let sent = handled(r#"{"id": 1, "customer": "Ada", "quantity": 9}"#);
        let shipment = r#"{"order":1,"to":"Ada","parcels":3}"#.to_string();
        assert_eq!(sent, Ok(vec![("shipments", shipment)]));
    }

    #[test]
    fn an_order_that_is_too_large_fails() {
        let sent = handled(r#"{"id": 1, "customer": "Ada", "quantity": 101}"#);
        assert!(matches!(sent, Err(Failure::Fail(_))));
    }
}
