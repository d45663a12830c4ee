//! A connector and a handler in Rust: the lines of a file are messages, messages become lines at the end of a file, and the
//! handler sends each on in capital letters. A consumer that is started again reads the file from its beginning.
use std::collections::{HashMap, VecDeque};
use std::ffi::CStr;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;

use volley_plugin::{
    plugin, Consumer, Context, Error, Failure, Handler, Message, Outputs, Producer, QueueMessage, Record, Result,
};

const NO_KEYS: Option<&CStr> = Some(c"{\"additionalProperties\": false}");

struct Reader {
    path: PathBuf,
    file: Option<BufReader<File>>,
    count: u64,
    open: HashMap<String, Vec<u8>>,
    again: VecDeque<(String, Vec<u8>)>,
}

impl Consumer for Reader {
    const SUMMARY: Option<&'static CStr> = Some(c"the lines of a file");
    const CONFIG_SCHEMA: Option<&'static CStr> = NO_KEYS;
    const MAX_OPEN: usize = 256;

    fn new(context: &Context) -> Result<Self> {
        let path = context.base_dir.join(&context.value);
        Ok(Reader { path, file: None, count: 0, open: HashMap::new(), again: VecDeque::new() })
    }
    fn open(&mut self) -> Result<()> {
        let file = File::open(&self.path).map_err(|e| Error::retry(format!("{}: {e}", self.path.display())))?;
        self.file = Some(BufReader::new(file));
        Ok(())
    }
    fn consume(&mut self) -> Result<Option<QueueMessage>> {
        let (context, body) = match self.again.pop_front() {
            Some(message) => message,
            None => {
                let mut line = Vec::new();
                if self.file.as_mut().unwrap().read_until(b'\n', &mut line)? == 0 {
                    return Ok(None);
                }
                line.truncate(line.len() - usize::from(line.ends_with(b"\n")));
                self.count += 1;
                (self.count.to_string(), line)
            }
        };
        self.open.insert(context.clone(), body.clone());
        Ok(Some(QueueMessage { context, body: Some(body), ..Default::default() }))
    }
    fn delete(&mut self, context: &str) -> Result<bool> {
        Ok(self.open.remove(context).is_some())
    }
    fn on_fail(&mut self, context: &str, _failure: &Failure) -> Result<bool> {
        let back = self.open.remove(context).map(|body| self.again.push_back((context.to_string(), body)));
        Ok(back.is_some())
    }
}

struct Writer {
    path: PathBuf,
    file: Option<File>,
}

impl Producer for Writer {
    const SUMMARY: Option<&'static CStr> = Some(c"appends lines to a file");
    const CONFIG_SCHEMA: Option<&'static CStr> = NO_KEYS;
    fn new(context: &Context) -> Result<Self> {
        Ok(Writer { path: context.base_dir.join(&context.value), file: None })
    }
    fn open(&mut self) -> Result<()> {
        self.file = Some(OpenOptions::new().append(true).create(true).open(&self.path)?);
        Ok(())
    }
    fn produce(&mut self, record: &Record) -> Result<()> {
        let line = [record.body.unwrap_or_default(), b"\n"].concat();
        Ok(self.file.as_mut().unwrap().write_all(&line)?)
    }
}

struct Upper;

impl Handler for Upper {
    const SUMMARY: Option<&'static CStr> = Some(c"in capital letters");
    const CONFIG_SCHEMA: Option<&'static CStr> = NO_KEYS;
    fn new(_context: &Context) -> Result<Self> {
        Ok(Upper)
    }
    fn handle(&mut self, message: &Message, out: &mut Outputs) -> Result<()> {
        let body = message.body().ok_or_else(|| Error::permanent("a message without a body"))?;
        out.send_all(&body.to_ascii_uppercase())
    }
}

plugin! { name: "lines", version: "1.0.0", summary: "files as queues", license: "MIT",
consumers: [Reader], producers: [Writer], handlers: [Upper] }
