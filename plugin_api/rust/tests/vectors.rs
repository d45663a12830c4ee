//! The test vectors of plugin_api/protocol.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::Value;

#[path = "../examples/echo.rs"]
mod echo;

#[derive(Deserialize)]
struct Vector {
    name: String,
    #[serde(default)]
    needs: String,
    lines: Vec<String>,
    answers: Vec<String>,
}

#[derive(Deserialize, Debug)]
struct Answer {
    id: String,
    retry: Option<Value>,
    fail: Option<Value>,
    drop: Option<Value>,
    after_ms: Option<u64>,
    #[serde(default)]
    skipped: bool,
    #[serde(default)]
    more: bool,
    #[serde(default)]
    outputs: Vec<Output>,
}

#[derive(Deserialize, Debug, Clone)]
struct Output {
    queue: String,
    #[serde(default, deserialize_with = "as_written")]
    body: Option<Box<RawValue>>,
    text: Option<String>,
    base64: Option<String>,
    #[serde(default)]
    tombstone: bool,
    key: Option<String>,
    key_base64: Option<String>,
    headers: Option<Value>,
}

fn as_written<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(from).map(Some)
}

/// The values of each header.
fn by_name(headers: &Option<Value>) -> HashMap<String, Vec<Value>> {
    let mut all: HashMap<String, Vec<Value>> = HashMap::new();
    match headers {
        Some(Value::Array(pairs)) => {
            for pair in pairs {
                all.entry(pair[0].to_string()).or_default().push(pair[1].clone());
            }
        }
        Some(Value::Object(members)) => {
            for (name, value) in members {
                let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
                all.insert(Value::from(name.as_str()).to_string(), values);
            }
        }
        _ => {}
    }
    all
}

fn assert_same_output(expected: &Output, came: &Output) {
    let body = |output: &Output| output.body.as_ref().map(|raw| raw.get().to_string());
    assert_eq!(body(expected), body(came)); // digit by digit
    assert_eq!((&expected.queue, expected.tombstone), (&came.queue, came.tombstone));
    assert_eq!((&expected.text, &expected.base64), (&came.text, &came.base64));
    assert_eq!((&expected.key, &expected.key_base64), (&came.key, &came.key_base64));
    assert_eq!(by_name(&expected.headers), by_name(&came.headers));
}

fn assert_same(expected: &Answer, came: &Answer, outputs: &[Output]) {
    if expected.retry != Some(Value::Bool(true)) {
        assert_eq!(expected.retry, came.retry);
    }
    assert_eq!(expected.retry.is_some(), came.retry.is_some());
    assert_eq!((&expected.fail, &expected.drop), (&came.fail, &came.drop));
    assert_eq!((expected.after_ms, expected.skipped), (came.after_ms, came.skipped));
    if came.fail.is_none() {
        assert_eq!(expected.outputs.len(), outputs.len());
        expected
            .outputs
            .iter()
            .zip(outputs)
            .for_each(|(one, other)| assert_same_output(one, other));
    }
}

fn check(vector: &Vector) {
    let mut input = vector.lines.join("\n");
    input.push('\n');
    let mut output = Vec::new();
    volley_handler::serve(input.as_bytes(), &mut output, 4, true, echo::handle).unwrap();
    let mut outputs: HashMap<String, Vec<Output>> = HashMap::new();
    let mut answers = HashMap::new();
    for line in std::str::from_utf8(&output).unwrap().lines().skip(1) {
        let answer: Answer = serde_json::from_str(line).unwrap();
        outputs
            .entry(answer.id.clone())
            .or_default()
            .extend(answer.outputs.iter().cloned());
        if !answer.more {
            assert!(
                answers.insert(answer.id.clone(), answer).is_none(),
                "a second answer: {line}"
            );
        }
    }
    assert_eq!(answers.len(), vector.answers.len());
    for line in &vector.answers {
        let expected: Answer = serde_json::from_str(line).unwrap();
        println!("expected {line}");
        assert_same(&expected, &answers[&expected.id], &outputs[&expected.id]);
    }
}

#[test]
fn are_answered() {
    // They are not part of the package.
    let Ok(files) = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../protocol/vectors")) else {
        return;
    };
    for file in files {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let vector: Vector = serde_json::from_str(&text).unwrap();
        println!("vector {}", vector.name);
        if vector.needs != "batches" {
            check(&vector);
        }
    }
}
