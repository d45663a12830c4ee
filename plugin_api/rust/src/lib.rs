//! Handlers for Volley in Rust.
//!
//! ```no_run
//! fn main() -> std::io::Result<()> {
//!     volley_handler::run(|message, out| {
//!         out.send("shipments", &message.body);
//!         Ok(())
//!     })
//! }
//! ```
//!
//! volleyd starts the program for a component with `handler: {exec: [./ship]}`, and speaks the protocol of
//! docs/handler-protocol.md with it over standard input and output. Text that the program prints goes to standard
//! error, and thus into Volley's log.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod base64;
mod message;
mod order;
mod outputs;
mod process;

use std::collections::HashMap;
use std::io::{self, BufRead, Write};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use message::{Body, Headers, Message};
pub use outputs::{Outputs, To};

use order::Order;
use outputs::{milliseconds, quoted};

/// The outcome of a message that is not done. Any other error becomes a Retry with its text.
#[derive(Debug, Clone, PartialEq)]
pub enum Error {
    /// The message fails now and may succeed later; the next attempt is not before `after`, if given.
    Retry { why: String, after: Option<Duration> },
    /// The message fails permanently.
    Fail(String),
    /// The message is unwanted: acked without outputs, and counted.
    Drop(String),
}

impl Error {
    pub fn retry(why: impl Into<String>) -> Self {
        Error::Retry {
            why: why.into(),
            after: None,
        }
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        Error::retry(error.to_string())
    }
}

/// Calls `handle` for each message until Volley closes standard input, for up to VOLLEY_CONCURRENCY messages at the same
/// time, each in a thread. Messages of one chain are handled in order. A panic is a Retry; its text is in Volley's log.
///
/// Returns when standard input has ended and everything is answered. Until then the process ignores SIGTERM.
pub fn run(handle: impl Fn(&Message, &mut Outputs) -> Result<(), Error> + Sync) -> io::Result<()> {
    let answers = process::take_output()?;
    process::ignore_sigterm();
    let concurrency = std::env::var("VOLLEY_CONCURRENCY")
        .ok()
        .and_then(|text| text.parse::<usize>().ok());
    serve(
        io::stdin().lock(),
        answers,
        concurrency.unwrap_or(1).max(1),
        concurrency.is_some(),
        handle,
    )
}

/// `run` without a process. `splits`: the engine takes partial answers.
#[doc(hidden)]
pub fn serve(
    input: impl BufRead,
    output: impl Write + Send,
    concurrency: usize,
    splits: bool,
    handle: impl Fn(&Message, &mut Outputs) -> Result<(), Error> + Sync,
) -> io::Result<()> {
    let server = Server {
        handle,
        splits,
        order: Order::default(),
        output: Mutex::new((output, Ok(()))),
        unanswered: Mutex::default(),
    };
    server.write(r#"{"volley":2,"chains":true,"cancels":true,"source":true}"#.into());
    let read = std::thread::scope(|threads| {
        for _ in 0..concurrency {
            threads.spawn(|| server.work());
        }
        let read = server.read(input);
        server.order.end();
        read
    });
    read.and(server.output.into_inner().expect("no thread panics with the lock").1)
}

struct Server<H, W> {
    handle: H,
    splits: bool,
    order: Order,
    output: Mutex<(W, io::Result<()>)>, // and the first write error
    unanswered: Mutex<HashMap<String, Arc<AtomicBool>>>,
}

impl<H: Fn(&Message, &mut Outputs) -> Result<(), Error> + Sync, W: Write> Server<H, W> {
    fn read(&self, mut input: impl BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            input.read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                return Ok(()); // a line without a line feed was cut off
            }
            if !line.trim_ascii().is_empty() {
                self.take(&line)?;
            }
        }
    }

    fn take(&self, line: &[u8]) -> io::Result<()> {
        let request: message::Request = serde_json::from_slice(line)?;
        if let Some(id) = &request.cancelled {
            if let Some(flag) = self.unanswered.lock().expect("no thread panics with the lock").get(id) {
                flag.store(true, Ordering::Relaxed);
            }
            return Ok(());
        }
        let message = request.message()?;
        let flag = Arc::clone(&message.cancelled);
        self.unanswered
            .lock()
            .expect("no thread panics with the lock")
            .insert(message.id.clone(), flag);
        self.order.add(message);
        Ok(())
    }

    fn work(&self) {
        while let Some((message, skip)) = self.order.next() {
            let id = quoted(&message.id);
            let (line, failed) = if skip {
                (format!("{{\"id\":{id},\"skipped\":true}}"), true)
            } else {
                self.answer(&id, &message)
            };
            self.unanswered
                .lock()
                .expect("no thread panics with the lock")
                .remove(&message.id);
            self.write(line);
            self.order.done(message.call, message.chain, failed);
        }
    }

    fn answer(&self, id: &str, message: &Message) -> (String, bool) {
        let write = |line| self.write(line);
        let mut out = Outputs::new(&message.id, if self.splits { Some(&write) } else { None });
        let result = catch_unwind(AssertUnwindSafe(|| (self.handle)(message, &mut out)));
        let result = result.unwrap_or_else(|panic| Err(Error::retry(format!("panic: {}", text_of(&*panic)))));
        let (kind, why, after) = match result {
            Ok(()) if out.pending.is_empty() => return (format!("{{\"id\":{id}}}"), false),
            Ok(()) => return (format!("{{\"id\":{id},\"outputs\":[{}]}}", out.pending), false),
            Err(Error::Retry { why, after }) => ("retry", why, after),
            Err(Error::Fail(why)) => ("fail", why, None),
            Err(Error::Drop(why)) => ("drop", why, None),
        };
        let why = if why.is_empty() { "true".into() } else { quoted(&why) };
        let after = after.map_or(String::new(), |time| format!(",\"after_ms\":{}", milliseconds(time)));
        (format!("{{\"id\":{id},\"{kind}\":{why}{after}}}"), kind != "drop")
    }

    /// Writes immediately, so that no message waits for another.
    fn write(&self, mut line: String) {
        line.push('\n');
        let mut output = self.output.lock().expect("no thread panics with the lock");
        if output.1.is_ok() {
            output.1 = output.0.write_all(line.as_bytes()).and_then(|()| output.0.flush());
        }
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a text")
}
