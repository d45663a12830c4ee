#![doc = include_str!("../README.md")]

use std::ffi::{CStr, CString};

pub mod abi;
mod barrier;
mod consumer;
mod handler;
mod producer;

pub use consumer::{Consumer, Failure, QueueMessage};
pub use handler::{Handler, Message, Outputs};
pub use producer::{Producer, Record};

#[doc(hidden)]
pub use consumer::consumer_class;
#[doc(hidden)]
pub use handler::handler_class;
#[doc(hidden)]
pub use producer::producer_class;

/// An error: a status of the ABI and a text for operators.
#[derive(Debug)]
pub struct Error {
    pub status: i32,
    pub text: String,
    /// The minimum delay; 0: the engine decides.
    pub retry_after_ms: u32,
}

impl Error {
    /// The call may succeed later.
    pub fn retry(text: impl ToString) -> Error {
        Error { status: abi::E_RETRY, text: text.to_string(), retry_after_ms: 0 }
    }
    /// This message can never succeed.
    pub fn permanent(text: impl ToString) -> Error {
        Error { status: abi::E_PERMANENT, text: text.to_string(), retry_after_ms: 0 }
    }
}

/// `?` makes any error a retry.
impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Error {
        Error::retry(error)
    }
}

pub type Result<T> = std::result::Result<T, Error>;

/// One header. The value may be absent.
pub type Header = (Vec<u8>, Option<Vec<u8>>);

/// The context of an instance, and the engine's log. Valid until the instance is dropped.
#[derive(Clone)]
pub struct Context {
    host: *const abi::Host,
    /// The queue's name in the configuration; of a handler: the component's.
    pub queue: String,
    /// The queue's name in the store.
    pub value: String,
    /// Relative paths are relative to it.
    pub base_dir: std::path::PathBuf,
}

// The host may be called by any thread.
unsafe impl Send for Context {}
unsafe impl Sync for Context {}

impl Context {
    unsafe fn new(host: *const abi::Host, options: *const abi::Options) -> Context {
        let options = &*options;
        Context {
            host,
            queue: options.queue.text(),
            value: options.value.text(),
            base_dir: options.base_dir.text().into(),
        }
    }

    /// A value of `config:`, by its key or JSON pointer: a string unescaped, all else as JSON text.
    pub fn config(&self, key: &str) -> Option<String> {
        let key = CString::new(key).ok()?;
        let (mut kind, mut value) = (0, abi::View::ABSENT);
        unsafe {
            let found = ((*self.host).config)(self.host, key.as_ptr(), &mut kind, &mut value) == 1 && kind != 0;
            found.then(|| value.text())
        }
    }

    pub fn info(&self, text: &str) {
        self.log(2, text);
    }
    pub fn warning(&self, text: &str) {
        self.log(3, text);
    }
    fn log(&self, level: u32, text: &str) {
        unsafe { ((*self.host).log)(self.host, level, abi::View::of(text.as_bytes()), std::ptr::null(), 0) }
    }
}

const fn text_or_null(text: Option<&'static CStr>) -> *const u8 {
    match text {
        Some(text) => text.as_ptr() as *const u8,
        None => std::ptr::null(),
    }
}

unsafe fn headers_of(first: *const abi::Header, count: u32) -> Vec<Header> {
    let all = if count == 0 { &[] } else { std::slice::from_raw_parts(first, count as usize) };
    all.iter().map(|h| (h.name.bytes().unwrap_or_default().to_vec(), h.value.bytes().map(<[u8]>::to_vec))).collect()
}

fn views_of(headers: &[Header]) -> Vec<abi::Header> {
    headers
        .iter()
        .map(|(name, value)| abi::Header { name: abi::View::of(name), value: abi::View::of_option(value.as_deref()) })
        .collect()
}

/// The plugin's only exported symbol. Use it once per crate:
/// `plugin! { name: "lines", version: "1.0.0", summary: "files as queues", license: "MIT", consumers: [Reader],
/// producers: [Writer], handlers: [] }`
#[macro_export]
macro_rules! plugin {
    { name: $name:literal, version: $version:literal, summary: $summary:literal, license: $license:literal,
      consumers: [$($consumer:ident),*], producers: [$($producer:ident),*], handlers: [$($handler:ident),*] } => {
        #[no_mangle]
        pub extern "C" fn volley_plugin_v1(
            _host: *const $crate::abi::Host,
            _error: *mut $crate::abi::CallError,
        ) -> *const $crate::abi::Plugin {
            static CLASSES: &[&$crate::abi::Class] = &[
                $(&$crate::consumer_class::<$consumer>(concat!(stringify!($consumer), "\0")),)*
                $(&$crate::producer_class::<$producer>(concat!(stringify!($producer), "\0")),)*
                $(&$crate::handler_class::<$handler>(concat!(stringify!($handler), "\0")),)*
            ];
            static PLUGIN: $crate::abi::Plugin = $crate::abi::Plugin {
                struct_size: std::mem::size_of::<$crate::abi::Plugin>() as u32,
                abi_minor: 0,
                needs_minor: 0,
                class_count: CLASSES.len() as u32,
                classes: CLASSES.as_ptr(),
                name: concat!($name, "\0").as_ptr(),
                version: concat!($version, "\0").as_ptr(),
                author: std::ptr::null(),
                license: concat!($license, "\0").as_ptr(),
                summary: concat!($summary, "\0").as_ptr(),
                url: std::ptr::null(),
                get_extension: std::ptr::null(),
            };
            &PLUGIN
        }
    };
}
