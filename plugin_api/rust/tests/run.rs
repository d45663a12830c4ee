use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use volley_handler::{serve, Error, Message, Outputs};

fn answers(
    concurrency: usize,
    splits: bool,
    lines: &[String],
    handle: impl Fn(&Message, &mut Outputs) -> Result<(), Error> + Sync,
) -> Vec<String> {
    let input = lines.join("\n") + "\n";
    let mut output = Vec::new();
    serve(input.as_bytes(), &mut output, concurrency, splits, handle).unwrap();
    String::from_utf8(output)
        .unwrap()
        .lines()
        .skip(1)
        .map(String::from)
        .collect()
}

fn one(handle: impl Fn(&Message, &mut Outputs) -> Result<(), Error> + Sync) -> Vec<String> {
    answers(1, true, &[r#"{"id":"1","body":1}"#.into()], handle)
}

#[test]
fn errors_decide() {
    let late = Error::Retry {
        why: "late".into(),
        after: Some(Duration::from_micros(1_499_001)),
    };
    for (error, expected) in [
        (late, r#"{"id":"1","retry":"late","after_ms":1500}"#),
        (Error::Fail("bad \"it\"".into()), r#"{"id":"1","fail":"bad \"it\""}"#),
        (Error::Fail(String::new()), r#"{"id":"1","fail":true}"#),
        (Error::Drop("old".into()), r#"{"id":"1","drop":"old"}"#),
    ] {
        assert_eq!(one(|_, _| Err(error.clone())), [expected]);
    }
    assert_eq!(one(|_, _| Ok(())), [r#"{"id":"1"}"#]);
    let parse = |_: &Message, _: &mut Outputs| {
        "x".parse::<u8>()?;
        Ok(())
    };
    assert_eq!(one(parse), [r#"{"id":"1","retry":"invalid digit found in string"}"#]);
}

#[test]
fn a_panic_is_a_retry() {
    assert_eq!(one(|_, _| panic!("no {}", 1)), [r#"{"id":"1","retry":"panic: no 1"}"#]);
}

#[test]
fn parts_are_for_an_engine_that_takes_them() {
    let handle = |_: &Message, out: &mut Outputs| {
        out.send_json("out", &1)?;
        out.flush();
        out.send_json("out", &2)
    };
    assert_eq!(one(handle).len(), 2);
    let lines = [r#"{"id":"1","body":1}"#.to_string()];
    let whole = r#"{"id":"1","outputs":[{"body":1,"queue":"out"},{"body":2,"queue":"out"}]}"#;
    assert_eq!(answers(1, false, &lines, handle), [whole]);
}

#[test]
fn a_chain_keeps_its_order_whatever_the_concurrency() {
    let line = |n: u32| format!(r#"{{"id":"{n}","call":{},"chain":{},"body":{n}}}"#, n / 100, n % 3 + 1);
    let lines: Vec<String> = (0..300).map(line).collect();
    let begun = Mutex::new(HashMap::<(u32, u32), Vec<u32>>::new());
    let said = answers(8, true, &lines, |message, _| {
        let n: u32 = message.decode()?;
        begun.lock().unwrap().entry((n / 100, n % 3)).or_default().push(n);
        if n % 50 == 49 {
            Err(Error::retry("later"))
        } else {
            Ok(())
        }
    });
    let begun = begun.into_inner().unwrap();
    assert!(begun
        .values()
        .all(|chain| chain.windows(2).all(|pair| pair[0] < pair[1])));
    let skipped = said.iter().filter(|line| line.contains("skipped")).count();
    assert!(skipped > 0);
    assert_eq!(skipped + begun.values().map(Vec::len).sum::<usize>(), 300);
}

#[test]
fn a_request_that_is_none_ends_the_program() {
    for line in ["{", r#"{"body":1}"#, r#"{"id":"1"}"#] {
        assert!(serve(format!("{line}\n").as_bytes(), Vec::new(), 1, true, |_, _| Ok(())).is_err());
    }
}
