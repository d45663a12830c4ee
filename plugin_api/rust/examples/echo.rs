//! The echo program of plugin_api/protocol/README.md, for `volley handler-check --echo`.

use std::sync::{Condvar, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::Deserialize;
use volley_handler::{Body, Error, Message, Outputs, To};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Command {
    r#do: String,
    why: String,
    after_ms: Option<u64>,
    count: u32,
    ms: u64,
    within_ms: u64,
    then: String,
}

static ARRIVED: Mutex<u32> = Mutex::new(0);
static MEETING: Condvar = Condvar::new();

fn meet(command: &Command) -> bool {
    let mut arrived = ARRIVED.lock().unwrap();
    *arrived += 1;
    MEETING.notify_all();
    let within = Duration::from_millis(command.within_ms);
    let alone = |arrived: &mut u32| *arrived < command.count;
    !MEETING
        .wait_timeout_while(arrived, within, alone)
        .unwrap()
        .1
        .timed_out()
}

fn wait(message: &Message, within: Duration) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < within && !message.is_cancelled() {
        sleep(Duration::from_millis(5));
    }
    message.is_cancelled()
}

fn copies(command: &Command, out: &mut Outputs) -> Result<(), Error> {
    for n in 0..command.count {
        out.send_json("out", &n)?;
        if command.r#do == "parts" {
            out.flush();
        }
    }
    if command.then == "fail" {
        return Err(Error::Fail("behind its parts".into()));
    }
    Ok(())
}

pub fn handle(message: &Message, out: &mut Outputs) -> Result<(), Error> {
    let command: Command = match &message.body {
        // A list would be read as a struct by position.
        Body::Json(raw) if raw.get().starts_with('{') => message.decode().unwrap_or_default(),
        _ => Command::default(),
    };
    match command.r#do.as_str() {
        "fail" => return Err(Error::Fail(command.why)),
        "retry" => {
            let after = command.after_ms.map(Duration::from_millis);
            return Err(Error::Retry {
                why: command.why,
                after,
            });
        }
        "drop" => return Err(Error::Drop(command.why)),
        "throw" => panic!("thrown"),
        "none" => return Ok(()),
        "copy" | "parts" => return copies(&command, out),
        "source" => return out.send_json("out", &message.source),
        "print" => print!("noise"),
        "sleep" => sleep(Duration::from_millis(command.ms)),
        "meet" if !meet(&command) => return Err(Error::Fail("alone".into())),
        "wait" if wait(message, Duration::from_millis(command.within_ms)) => return Err(Error::retry("cancelled")),
        _ => {}
    }
    let headers = Some(&message.headers).filter(|headers| !headers.0.is_empty());
    out.send(
        To {
            key: message.key.as_deref(),
            headers,
            ..To::from("out")
        },
        &message.body,
    );
    Ok(())
}

#[allow(dead_code)] // the test of the vectors includes this file
fn main() -> std::io::Result<()> {
    volley_handler::run(handle)
}
