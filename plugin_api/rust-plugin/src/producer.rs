use std::ffi::{c_void, CStr};
use std::marker::PhantomData;

use crate::barrier::{caught, status};
use crate::{abi, headers_of, text_or_null, Context, Header, Result};

/// A message to store.
pub struct Record<'a> {
    /// None: a tombstone.
    pub body: Option<&'a [u8]>,
    pub key: Option<&'a [u8]>,
    /// Stable across retries.
    pub id: &'a [u8],
    pub headers: Vec<Header>,
    pub delay_ms: u64,
    /// 0: now.
    pub timestamp_ms: i64,
}

/// One message at a time, durable when the call returns. Errors and panics are handled as in a Consumer.
pub trait Producer: Sized + Send {
    /// VOLLEY_ORDERED and others of plugin.h.
    const FLAGS: u64 = 0;
    /// One line, for `volley plugins`.
    const SUMMARY: Option<&'static CStr> = None;
    /// JSON Schema (draft-07) of `config:`. With it `volleyd --check` reports a wrong key.
    const CONFIG_SCHEMA: Option<&'static CStr> = None;
    /// Checks the configuration; no I/O. Runs twice.
    fn new(context: &Context) -> Result<Self>;
    /// Connects. Called again after an error.
    fn open(&mut self) -> Result<()> {
        Ok(())
    }
    fn produce(&mut self, record: &Record) -> Result<()>;
    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

struct Instance<T> {
    producer: T,
    report: abi::ReportFn,
    report_context: *mut c_void,
}

impl<T: Producer> Instance<T> {
    // A record that must be sent again is not accepted, so that no other overtakes it.
    unsafe fn produce(&mut self, record: &abi::Record) -> Result<()> {
        let seen = Record {
            body: record.body.bytes(),
            key: record.key.bytes(),
            id: record.id.bytes().unwrap_or_default(),
            headers: headers_of(record.headers, record.header_count),
            delay_ms: record.delay_ms,
            timestamp_ms: record.timestamp_ms,
        };
        let (status, text) = match caught(|| self.producer.produce(&seen)) {
            Ok(()) => (abi::OK, String::new()),
            Err(error) if error.status == abi::E_RETRY => return Err(error),
            Err(error) => (error.status, error.text),
        };
        let report = abi::Report {
            token: record.token,
            status,
            partition: -1,
            offset: -1,
            id: abi::View::ABSENT,
            text: abi::View::of(text.as_bytes()),
        };
        (self.report)(self.report_context, &report, 1, std::mem::size_of::<abi::Report>() as u32);
        Ok(())
    }
}

struct Table<T>(PhantomData<T>);

impl<T: Producer> Table<T> {
    const FUNCTIONS: abi::ProducerClass = abi::ProducerClass {
        struct_size: std::mem::size_of::<abi::ProducerClass>() as u32,
        reserved: 0,
        create: Self::create,
        open: Self::open,
        produce: Self::produce,
        poll: std::ptr::null(),
        flush: std::ptr::null(),
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
        report: abi::ReportFn,
        report_context: *mut c_void,
        out: *mut *mut c_void,
        error: *mut abi::CallError,
    ) -> i32 {
        status(error, || {
            let producer = T::new(&Context::new(host, options))?;
            *out = Box::into_raw(Box::new(Instance { producer, report, report_context })) as *mut c_void;
            Ok(abi::OK)
        })
    }
    unsafe extern "C" fn open(this: *mut c_void, error: *mut abi::CallError) -> i32 {
        status(error, || Self::instance(this).producer.open().map(|()| abi::OK))
    }
    unsafe extern "C" fn produce(
        this: *mut c_void,
        all: *const abi::Record,
        count: u32,
        stride: u32,
        accepted: *mut u32,
        error: *mut abi::CallError,
    ) -> i32 {
        *accepted = 0;
        status(error, || {
            while *accepted < count {
                let place = (all as *const u8).add((*accepted as usize) * stride as usize);
                Self::instance(this).produce(&*(place as *const abi::Record))?;
                *accepted += 1;
            }
            Ok(abi::OK)
        })
    }
    unsafe extern "C" fn close(this: *mut c_void, _timeout_ms: u32, error: *mut abi::CallError) -> i32 {
        status(error, || Self::instance(this).producer.close().map(|()| abi::OK))
    }
    unsafe extern "C" fn destroy(this: *mut c_void) {
        status(std::ptr::null_mut(), || {
            drop(Box::from_raw(this as *mut Instance<T>));
            Ok(abi::OK)
        });
    }
}

pub const fn producer_class<T: Producer>(name: &'static str) -> abi::Class {
    abi::Class {
        struct_size: std::mem::size_of::<abi::Class>() as u32,
        kind: abi::KIND_PRODUCER,
        flags: T::FLAGS,
        name: name.as_ptr(),
        summary: text_or_null(T::SUMMARY),
        config_schema: text_or_null(T::CONFIG_SCHEMA),
        extensions: std::ptr::null(),
        functions: &Table::<T>::FUNCTIONS as *const abi::ProducerClass as *const c_void,
    }
}
