use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::base64;
use crate::message::{Body, Headers};
use crate::Error;

/// The destination and options of an output. The default: every output of the component, with the key and the headers
/// of the message.
#[derive(Debug, Clone, Default)]
pub struct To<'a> {
    pub queue: Option<&'a str>,
    pub key: Option<&'a [u8]>,
    pub headers: Option<&'a Headers>,
    pub partition: Option<u32>,
    pub delay: Option<Duration>,
}

impl<'a> From<&'a str> for To<'a> {
    fn from(queue: &'a str) -> Self {
        To {
            queue: Some(queue),
            ..To::default()
        }
    }
}

/// The outputs, which are sent when the handler returns Ok; none is sent if it returns an error.
pub struct Outputs<'a> {
    id: &'a str,
    pub(crate) pending: String, // in the protocol's form, separated by commas
    /// Writes a line. None: the engine does not take partial answers.
    write: Option<&'a dyn Fn(String)>,
}

impl<'a> Outputs<'a> {
    pub(crate) fn new(id: &'a str, write: Option<&'a dyn Fn(String)>) -> Self {
        Outputs {
            id,
            pending: String::new(),
            write,
        }
    }

    /// Sends a body unchanged: JSON digit by digit, bytes, or a tombstone.
    pub fn send<'t>(&mut self, to: impl Into<To<'t>>, body: &Body) {
        let body = match body {
            Body::Json(raw) => format!("\"body\":{}", on_one_line(raw)),
            Body::Bytes(bytes) => text_or_base64("text", "base64", bytes),
            Body::Tombstone => "\"tombstone\":true".into(),
        };
        self.push(to.into(), body);
    }

    /// Sends a value as JSON. The error is a Fail: the value cannot be written.
    pub fn send_json<'t>(&mut self, to: impl Into<To<'t>>, value: &impl Serialize) -> Result<(), Error> {
        let json = serde_json::value::to_raw_value(value)
            .map_err(|error| Error::Fail(format!("a body cannot be written as JSON: {error}")))?;
        self.send(to, &Body::Json(json));
        Ok(())
    }

    /// Hands over the outputs so far, so that a message with very many outputs needs little memory. If the handler
    /// returns an error later, the engine discards them.
    pub fn flush(&mut self) {
        if let (Some(write), false) = (self.write, self.pending.is_empty()) {
            write(format!(
                "{{\"id\":{},\"outputs\":[{}],\"more\":true}}",
                quoted(self.id),
                self.pending
            ));
            self.pending.clear();
        }
    }

    fn push(&mut self, to: To, body: String) {
        if !self.pending.is_empty() {
            self.pending.push(',');
        }
        self.pending.push('{');
        self.pending += &body;
        if let Some(queue) = to.queue {
            self.pending += &format!(",\"queue\":{}", quoted(queue));
        }
        if let Some(key) = to.key {
            self.pending += &format!(",{}", text_or_base64("key", "key_base64", key));
        }
        if let Some(headers) = to.headers {
            self.pending += &format!(",\"headers\":{}", written(headers));
        }
        if let Some(partition) = to.partition {
            self.pending += &format!(",\"partition\":{partition}");
        }
        if let Some(delay) = to.delay {
            self.pending += &format!(",\"delay_ms\":{}", milliseconds(delay));
        }
        self.pending.push('}');
    }
}

pub(crate) fn milliseconds(time: Duration) -> u128 {
    time.as_nanos().div_ceil(1_000_000)
}

pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string can always be written")
}

/// A line break in JSON is white space between tokens.
fn on_one_line(raw: &RawValue) -> String {
    raw.get().replace(['\n', '\r'], " ")
}

fn text_or_base64(text: &str, binary: &str, value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(utf8) => format!("\"{text}\":{}", quoted(utf8)),
        Err(_) => format!("\"{binary}\":\"{}\"", base64::encode(value)),
    }
}

/// A list of pairs can represent all headers and keeps the order.
fn written(headers: &Headers) -> String {
    let pairs: Vec<String> = (headers.0.iter())
        .map(|(name, value)| {
            let value = value.as_deref().map_or("null".into(), header_text);
            format!("[{},{value}]", header_text(name))
        })
        .collect();
    format!("[{}]", pairs.join(","))
}

fn header_text(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(utf8) => quoted(utf8),
        Err(_) => format!("{{\"base64\":\"{}\"}}", base64::encode(value)),
    }
}
