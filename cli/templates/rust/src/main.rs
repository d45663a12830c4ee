//! The program that volleyd starts. It reads one JSON line for each message and answers with one JSON line.

mod handle;
mod json;

use handle::{handle, Failure};
use json::Json;
use std::io::{self, BufRead, Write};

/// Returns the answer to one line of the protocol, or nothing if it is not one.
fn answer(line: &str) -> Option<Json> {
    let request = Json::parse(line)?;
    let id = ("id", request.get("id")?.clone());
    let result = handle(request.get("body").unwrap_or(&Json::Null));
    Some(match result {
        Ok(outputs) => {
            let outputs = outputs
                .into_iter()
                .map(|(queue, body)| Json::object([("queue", Json::text(queue)), ("body", body)]));
            Json::object([id, ("outputs", Json::List(outputs.collect()))])
        }
        Err(Failure::Retry(why)) => Json::object([id, ("retry", Json::Text(why))]),
        Err(Failure::Fail(why)) => Json::object([id, ("fail", Json::Text(why))]),
        Err(Failure::Drop(why)) => Json::object([id, ("drop", Json::Text(why))]),
    })
}

/// Standard output belongs to the protocol. What is written to standard error goes to Volley's log.
fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        match answer(&line?) {
            Some(answer) => writeln!(out, "{answer}")?,
            None => eprintln!("a line that is no message"),
        }
        out.flush()?;
    }
    Ok(())
}
