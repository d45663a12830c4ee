use std::collections::HashMap;
use std::ffi::{c_void, CStr};
use std::marker::PhantomData;
use std::time::Duration;

use crate::barrier::{caught, status};
use crate::{abi, text_or_null, views_of, Context, Error, Header, Result};

/// A message that a consumer returns.
#[derive(Default)]
pub struct QueueMessage {
    /// The store's name for this delivery, passed to `delete` and `on_fail`.
    pub context: String,
    /// None: a tombstone.
    pub body: Option<Vec<u8>>,
    pub key: Option<Vec<u8>>,
    /// Identifies the message permanently. None: `context` is the id. Empty: the message has no id.
    pub id: Option<String>,
    pub headers: Vec<Header>,
    /// 0: the store does not count.
    pub delivery_count: u32,
    /// Unix; 0 unknown.
    pub timestamp_ms: i64,
}

/// The reason why a message is put back.
pub struct Failure {
    /// The message did not fail: deliver it again soon, and do not count this delivery.
    pub is_release: bool,
    /// The minimum delay; only if FLAGS has VOLLEY_CAN_DELAY.
    pub delay_ms: u64,
    pub attempts: u32,
    pub text: String,
}

/// One message at a time; one instance is used by one thread at a time. An error without a status of its own, and a panic,
/// count as a retry: the engine backs off and calls again.
pub trait Consumer: Sized + Send {
    /// VOLLEY_ORDERED and others of plugin.h.
    const FLAGS: u64 = 0;
    /// One line, for `volley plugins`.
    const SUMMARY: Option<&'static CStr> = None;
    /// JSON Schema (draft-07) of `config:`. With it `volleyd --check` reports a wrong key.
    const CONFIG_SCHEMA: Option<&'static CStr> = None;
    /// How many messages are open at once.
    const MAX_OPEN: usize = 1;
    /// Checks the configuration; no I/O. Runs twice.
    fn new(context: &Context) -> Result<Self>;
    /// Connects. Called again after an error.
    fn open(&mut self) -> Result<()> {
        Ok(())
    }
    /// The next message, or None if there is none now. Does not wait.
    fn consume(&mut self) -> Result<Option<QueueMessage>>;
    /// The message is done: deletes it. Returns false if it no longer belongs to this consumer.
    fn delete(&mut self, context: &str) -> Result<bool>;
    /// The message failed or is released: puts it back for redelivery.
    fn on_fail(&mut self, context: &str, failure: &Failure) -> Result<bool>;
    /// The message failed permanently, and the engine has handled it.
    fn reject(&mut self, context: &str, _failure: &Failure) -> Result<bool> {
        self.delete(context)
    }
    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

struct Open {
    message: QueueMessage,
    headers: Vec<abi::Header>,
}

struct Instance<T> {
    consumer: T,
    context: Context,
    open: HashMap<u64, Box<Open>>, // boxed: views into it stay valid
    next_handle: u64,
    failed: Option<Error>, // returned after the messages before it are delivered
}

impl<T: Consumer> Instance<T> {
    unsafe fn consume(&mut self, batch: &mut abi::Batch, timeout_ms: u32) -> Result<i32> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        while batch.count < batch.capacity && self.open.len() < T::MAX_OPEN {
            match caught(|| self.consumer.consume()) {
                Ok(Some(message)) => self.add(batch, message),
                Ok(None) => break,
                Err(error) if batch.count == 0 => return Err(error),
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        if batch.count == 0 {
            std::thread::sleep(Duration::from_millis(timeout_ms.min(20).into()));
            // nothing interrupts it
        }
        Ok(abi::OK)
    }

    unsafe fn add(&mut self, batch: &mut abi::Batch, message: QueueMessage) {
        let mut open = Box::new(Open { message, headers: Vec::new() });
        open.headers = views_of(&open.message.headers);
        let place = (batch.messages as *mut u8).add((batch.message_size * batch.count) as usize);
        let out = &mut *(place as *mut abi::Message);
        let message = &open.message;
        out.handle = self.next_handle;
        out.body = abi::View::of_option(message.body.as_deref());
        out.key = abi::View::of_option(message.key.as_deref());
        let id = message.id.as_ref().unwrap_or(&message.context);
        out.id = if id.is_empty() { abi::View::ABSENT } else { abi::View::of(id.as_bytes()) };
        out.headers = open.headers.as_ptr();
        out.header_count = open.headers.len() as u32;
        out.delivery_count = message.delivery_count;
        out.timestamp_ms = message.timestamp_ms;
        self.open.insert(self.next_handle, open);
        self.next_handle += 1;
        batch.count += 1;
    }

    unsafe fn settle(&mut self, settlement: &mut abi::Settlement) {
        let Some(open) = self.open.get(&settlement.handle) else {
            settlement.result = abi::E_LOST;
            return;
        };
        let context = &open.message.context;
        let failure = Failure {
            is_release: settlement.outcome == abi::RELEASE,
            delay_ms: settlement.delay_ms,
            attempts: settlement.attempts,
            text: settlement.text.text(),
        };
        let settled = caught(|| match settlement.outcome {
            abi::ACK if settlement.reason == 0 => self.consumer.delete(context),
            abi::ACK => self.consumer.reject(context, &failure),
            _ => self.consumer.on_fail(context, &failure),
        });
        settlement.result = match settled {
            Ok(true) => abi::OK,
            Ok(false) => abi::E_LOST,
            Err(error) => {
                self.context.warning(&error.text);
                error.status
            }
        };
        if settlement.result != abi::E_RETRY {
            self.open.remove(&settlement.handle);
        }
    }
}

struct Table<T>(PhantomData<T>);

impl<T: Consumer> Table<T> {
    const FUNCTIONS: abi::ConsumerClass = abi::ConsumerClass {
        struct_size: std::mem::size_of::<abi::ConsumerClass>() as u32,
        reserved: 0,
        create: Self::create,
        open: Self::open,
        consume: Self::consume,
        settle: Self::settle,
        poll: std::ptr::null(),
        interrupt: std::ptr::null(),
        close: Self::close,
        destroy: Self::destroy,
        get_extension: std::ptr::null(),
    };

    unsafe fn instance<'a>(this: *mut c_void) -> &'a mut Instance<T> {
        &mut *(this as *mut Instance<T>)
    }
    unsafe extern "C" fn create(
        host: *const abi::Host,
        options: *const abi::Options,
        out: *mut *mut c_void,
        error: *mut abi::CallError,
    ) -> i32 {
        status(error, || {
            let context = Context::new(host, options);
            let consumer = T::new(&context)?;
            let made = Instance { consumer, context, open: HashMap::new(), next_handle: 1, failed: None };
            *out = Box::into_raw(Box::new(made)) as *mut c_void;
            Ok(abi::OK)
        })
    }
    unsafe extern "C" fn open(this: *mut c_void, error: *mut abi::CallError) -> i32 {
        status(error, || Self::instance(this).consumer.open().map(|()| abi::OK))
    }
    unsafe extern "C" fn consume(
        this: *mut c_void,
        batch: *mut abi::Batch,
        timeout_ms: u32,
        error: *mut abi::CallError,
    ) -> i32 {
        status(error, || Self::instance(this).consume(&mut *batch, timeout_ms))
    }
    unsafe extern "C" fn settle(
        this: *mut c_void,
        all: *mut abi::Settlement,
        count: u32,
        stride: u32,
        error: *mut abi::CallError,
    ) -> i32 {
        status(error, || {
            for i in 0..count as usize {
                let place = (all as *mut u8).add(i * stride as usize);
                Self::instance(this).settle(&mut *(place as *mut abi::Settlement));
            }
            Ok(abi::OK)
        })
    }
    unsafe extern "C" fn close(this: *mut c_void, _timeout_ms: u32, error: *mut abi::CallError) -> i32 {
        status(error, || Self::instance(this).consumer.close().map(|()| abi::OK))
    }
    unsafe extern "C" fn destroy(this: *mut c_void) {
        status(std::ptr::null_mut(), || {
            drop(Box::from_raw(this as *mut Instance<T>));
            Ok(abi::OK)
        });
    }
}

pub const fn consumer_class<T: Consumer>(name: &'static str) -> abi::Class {
    abi::Class {
        struct_size: std::mem::size_of::<abi::Class>() as u32,
        kind: abi::KIND_CONSUMER,
        flags: T::FLAGS,
        name: name.as_ptr(),
        summary: text_or_null(T::SUMMARY),
        config_schema: text_or_null(T::CONFIG_SCHEMA),
        extensions: std::ptr::null(),
        functions: &Table::<T>::FUNCTIONS as *const abi::ConsumerClass as *const c_void,
    }
}
