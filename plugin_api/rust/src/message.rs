use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::base64;

/// An incoming message.
#[derive(Debug)]
pub struct Message {
    /// The engine's id for the message in the protocol, not the store's.
    pub id: String,
    /// 1 for the first.
    pub attempt: u32,
    pub key: Option<Vec<u8>>,
    pub headers: Headers,
    pub body: Body,
    /// The origin of the message, in the protocol's form.
    pub source: Option<Box<RawValue>>,
    pub(crate) call: u64,
    pub(crate) chain: u64,
    pub(crate) cancelled: Arc<AtomicBool>,
}

impl Message {
    /// True if the result is no longer needed: the lease was lost, or Volley is stopping. A long-running handler checks
    /// it regularly and returns a Retry. Any other result is also valid.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Reads the JSON body into a value. The error is a Fail: another attempt would get the same body.
    pub fn decode<'a, T: Deserialize<'a>>(&'a self) -> Result<T, crate::Error> {
        match &self.body {
            Body::Json(raw) => serde_json::from_str(raw.get())
                .map_err(|error| crate::Error::Fail(format!("the body cannot be read: {error}"))),
            _ => Err(crate::Error::Fail("the body is not JSON".into())),
        }
    }
}

/// The body of a message.
#[derive(Debug, Clone)]
pub enum Body {
    /// The unchanged JSON value, digit by digit, if the serializer of the queue is json or msgpack.
    Json(Box<RawValue>),
    /// The bytes, if the serializer is none.
    Bytes(Vec<u8>),
    /// The message has no body.
    Tombstone,
}

/// Names and values of any bytes, in their original order. A name may occur more than once, and a value may be absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Headers(pub Vec<(Vec<u8>, Option<Vec<u8>>)>);

impl Headers {
    /// The first value of a name, if it is UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(one, _)| one == name.as_bytes())?;
        std::str::from_utf8(value.as_deref()?).ok()
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Utf8(String),
    Other { base64: String },
    Absent(()),
}

impl Text {
    fn bytes<E: de::Error>(self) -> Result<Option<Vec<u8>>, E> {
        match self {
            Text::Utf8(text) => Ok(Some(text.into_bytes())),
            Text::Other { base64 } => from_base64(&base64).map(Some),
            Text::Absent(()) => Ok(None),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    Many(Vec<Text>),
    One(Text),
}

fn from_base64<E: de::Error>(text: &str) -> Result<Vec<u8>, E> {
    base64::decode(text).ok_or_else(|| E::custom("invalid base64"))
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(HeadersVisitor)
    }
}

/// An object, in which a repeated name has a list, or a list of pairs.
struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers;

    fn expecting(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        out.write_str("headers")
    }

    fn visit_unit<E>(self) -> Result<Headers, E> {
        Ok(Headers::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Headers, A::Error> {
        let mut headers = Headers::default();
        while let Some((name, values)) = members.next_entry::<String, Values>()? {
            let values = match values {
                Values::Many(values) => values,
                Values::One(value) => vec![value],
            };
            for value in values {
                headers.0.push((name.clone().into_bytes(), value.bytes()?));
            }
        }
        Ok(headers)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Headers, A::Error> {
        let mut headers = Headers::default();
        while let Some((name, value)) = pairs.next_element::<(Text, Text)>()? {
            headers.0.push((name.bytes()?.unwrap_or_default(), value.bytes()?));
        }
        Ok(headers)
    }
}

/// A line of the engine.
#[derive(Deserialize)]
pub(crate) struct Request {
    pub id: Option<String>,
    pub cancelled: Option<String>,
    #[serde(default)]
    call: u64,
    #[serde(default)]
    chain: u64,
    #[serde(default)]
    attempt: u32,
    key: Option<String>,
    key_base64: Option<String>,
    #[serde(default)]
    headers: Headers,
    #[serde(default, deserialize_with = "as_written")]
    body: Option<Box<RawValue>>,
    text: Option<String>,
    base64: Option<String>,
    #[serde(default)]
    tombstone: bool,
    source: Option<Box<RawValue>>,
}

/// Option alone would treat null as none.
fn as_written<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(from).map(Some)
}

impl Request {
    pub fn message(self) -> Result<Message, serde_json::Error> {
        let id = self.id.ok_or_else(|| de::Error::custom("a request has no id"))?;
        let body = match (self.tombstone, self.body, self.text, self.base64) {
            (true, ..) => Body::Tombstone,
            (_, Some(json), ..) => Body::Json(json),
            (_, _, Some(text), _) => Body::Bytes(text.into_bytes()),
            (_, _, _, Some(base64)) => Body::Bytes(from_base64(&base64)?),
            _ => return Err(de::Error::custom(format!("message {id} has no body"))),
        };
        let key = match (self.key, self.key_base64) {
            (Some(text), _) => Some(text.into_bytes()),
            (_, Some(base64)) => Some(from_base64(&base64)?),
            _ => None,
        };
        Ok(Message {
            id,
            attempt: self.attempt,
            key,
            headers: self.headers,
            body,
            source: self.source,
            call: self.call,
            chain: self.chain,
            cancelled: Arc::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Message {
        serde_json::from_str::<Request>(line).unwrap().message().unwrap()
    }

    #[test]
    fn bodies_are_as_they_were_written() {
        let digits = read(r#"{"id":"1","body":{"n":1e400, "m":12345678901234567890}}"#);
        assert!(matches!(digits.body, Body::Json(raw) if raw.get() == r#"{"n":1e400, "m":12345678901234567890}"#));
        assert!(matches!(read(r#"{"id":"1","body":null}"#).body, Body::Json(raw) if raw.get() == "null"));
        assert!(matches!(
            read(r#"{"id":"1","body":null,"tombstone":true}"#).body,
            Body::Tombstone
        ));
        assert!(matches!(read(r#"{"id":"1","base64":"/w=="}"#).body, Body::Bytes(bytes) if bytes == [255]));
    }

    #[test]
    fn headers_of_every_form() {
        let line = r#"{"id":"1","body":1,"headers":{"b":["x",{"base64":"/w=="},null],"a":"y"}}"#;
        let expected = [
            ("b", Some(b"x".to_vec())),
            ("b", Some(vec![255])),
            ("b", None),
            ("a", Some(b"y".to_vec())),
        ];
        let expected = expected.map(|(name, value)| (name.as_bytes().to_vec(), value)).to_vec();
        assert_eq!(read(line).headers, Headers(expected));
        let pairs = read(r#"{"id":"1","body":1,"headers":[[{"base64":"/w=="},"x"],["a",null]]}"#);
        assert_eq!(
            pairs.headers,
            Headers(vec![(vec![255], Some(b"x".to_vec())), (b"a".to_vec(), None)])
        );
        assert_eq!(
            read(r#"{"id":"1","body":1,"headers":null}"#).headers,
            Headers::default()
        );
    }
}
