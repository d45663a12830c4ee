use std::ffi::{c_void, CStr};
use std::marker::PhantomData;

use crate::barrier::{caught, status};
use crate::{abi, headers_of, text_or_null, Context, Error, Header, Result};

/// An incoming message, borrowed during the call.
pub struct Message<'a> {
    raw: &'a abi::Message,
    /// 1: the first.
    pub attempt: u32,
}

impl Message<'_> {
    /// None: a tombstone.
    pub fn body(&self) -> Option<&[u8]> {
        unsafe { self.raw.body.bytes() }
    }
    pub fn key(&self) -> Option<&[u8]> {
        unsafe { self.raw.key.bytes() }
    }
    pub fn id(&self) -> &[u8] {
        unsafe { self.raw.id.bytes().unwrap_or_default() }
    }
    pub fn headers(&self) -> Vec<Header> {
        unsafe { headers_of(self.raw.headers, self.raw.header_count) }
    }
}

/// Collects outputs. They are sent only if the handler returns Ok, with the input's key and headers.
pub struct Outputs<'a> {
    jobs: &'a abi::Jobs,
    job: *mut c_void,
}

impl Outputs<'_> {
    /// To one of the component's outputs. Copies.
    pub fn send(&mut self, queue: &str, body: &[u8]) -> Result<()> {
        self.emit(abi::View::of(queue.as_bytes()), body)
    }
    /// To every output of the component. Copies.
    pub fn send_all(&mut self, body: &[u8]) -> Result<()> {
        self.emit(abi::View::ABSENT, body)
    }
    /// True if the result is no longer needed.
    pub fn cancelled(&self) -> bool {
        (self.jobs.cancelled)(self.jobs.context, self.job) != 0
    }

    fn emit(&mut self, queue: abi::View, body: &[u8]) -> Result<()> {
        let record = abi::Record {
            token: 0,
            queue: abi::View::ABSENT,
            body: abi::View::of(body),
            key: abi::View::ABSENT,
            id: abi::View::ABSENT,
            headers: std::ptr::null(),
            header_count: 0,
            partition: -1,
            timestamp_ms: 0,
            delay_ms: 0,
            flags: 0,
            reserved: 0,
        };
        let size = std::mem::size_of::<abi::Record>() as u32;
        match (self.jobs.emit)(self.jobs.context, self.job, queue, &record, size, std::ptr::null_mut()) {
            abi::OK => Ok(()),
            abi::E_RETRY => Err(Error::retry("out of memory")),
            _ => Err(Error::permanent("the component has no such output")),
        }
    }
}

/// One instance for each worker, used by its thread alone. Err: the message failed with the error's status. A panic is
/// a retry.
pub trait Handler: Sized {
    /// One line, for `volley plugins`.
    const SUMMARY: Option<&'static CStr> = None;
    /// JSON Schema (draft-07) of `config:`. With it `volleyd --check` reports a wrong key.
    const CONFIG_SCHEMA: Option<&'static CStr> = None;
    fn new(context: &Context) -> Result<Self>;
    fn handle(&mut self, message: &Message, out: &mut Outputs) -> Result<()>;
}

struct Instance<T> {
    handler: T,
    jobs: *const abi::Jobs,
}

struct Table<T>(PhantomData<T>);

impl<T: Handler> Table<T> {
    const FUNCTIONS: abi::HandlerClass = abi::HandlerClass {
        struct_size: std::mem::size_of::<abi::HandlerClass>() as u32,
        reserved: 0,
        create: Self::create,
        open: std::ptr::null(),
        handle: Self::handle,
        close: std::ptr::null(),
        destroy: Self::destroy,
        get_extension: std::ptr::null(),
        poll: std::ptr::null(),
        interrupt: std::ptr::null(),
    };

    unsafe extern "C" fn create(
        host: *const abi::Host,
        options: *const abi::Options,
        jobs: *const abi::Jobs,
        out: *mut *mut c_void,
        error: *mut abi::CallError,
    ) -> i32 {
        status(error, || {
            let handler = T::new(&Context::new(host, options))?;
            *out = Box::into_raw(Box::new(Instance { handler, jobs })) as *mut c_void;
            Ok(abi::OK)
        })
    }
    unsafe fn run(instance: &mut Instance<T>, task: &mut abi::Task) {
        let jobs = &*instance.jobs;
        let message = Message { raw: &*task.message, attempt: task.attempt };
        let mut outputs = Outputs { jobs, job: task.job };
        task.status = abi::OK;
        if let Err(error) = caught(|| instance.handler.handle(&message, &mut outputs)) {
            task.status = error.status;
            task.retry_after_ms = error.retry_after_ms.into();
            (jobs.explain)(jobs.context, task.job, abi::View::of(error.text.as_bytes()));
        }
    }
    // Without VOLLEY_KEEPS_GROUPS no two tasks of a call are of one ordering group.
    unsafe extern "C" fn handle(
        this: *mut c_void,
        tasks: *mut abi::Task,
        count: u32,
        stride: u32,
        error: *mut abi::CallError,
    ) -> i32 {
        status(error, || {
            for i in 0..count as usize {
                let place = (tasks as *mut u8).add(i * stride as usize);
                Self::run(&mut *(this as *mut Instance<T>), &mut *(place as *mut abi::Task));
            }
            Ok(abi::OK)
        })
    }
    unsafe extern "C" fn destroy(this: *mut c_void) {
        status(std::ptr::null_mut(), || {
            drop(Box::from_raw(this as *mut Instance<T>));
            Ok(abi::OK)
        });
    }
}

pub const fn handler_class<T: Handler>(name: &'static str) -> abi::Class {
    abi::Class {
        struct_size: std::mem::size_of::<abi::Class>() as u32,
        kind: abi::KIND_HANDLER,
        flags: 0,
        name: name.as_ptr(),
        summary: text_or_null(T::SUMMARY),
        config_schema: text_or_null(T::CONFIG_SCHEMA),
        extensions: std::ptr::null(),
        functions: &Table::<T>::FUNCTIONS as *const abi::HandlerClass as *const c_void,
    }
}
