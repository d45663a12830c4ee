//! The structs of volley/plugin.h, as far as this crate uses them. The header documents each field.
#![allow(missing_docs)]

use std::ffi::{c_char, c_void};

pub const OK: i32 = 0;
pub const E_RETRY: i32 = -1;
pub const E_PERMANENT: i32 = -2;
pub const E_FATAL: i32 = -3;
pub const E_LOST: i32 = -7;
pub const DROP: i32 = 4;
pub const AGAIN: i32 = 1;
pub const ACK: i32 = 0;
pub const RELEASE: i32 = 2;
pub const KIND_CONSUMER: u32 = 1;
pub const KIND_PRODUCER: u32 = 2;
pub const KIND_HANDLER: u32 = 3;
pub const KEEPS_GROUPS: u64 = 1 << 16;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct View {
    pub data: *const u8,
    pub size: usize,
}

impl View {
    pub const ABSENT: View = View { data: std::ptr::null(), size: 0 };

    pub fn of(bytes: &[u8]) -> View {
        View { data: bytes.as_ptr(), size: bytes.len() } // of an empty slice it is not null: present
    }
    pub fn of_option(bytes: Option<&[u8]>) -> View {
        bytes.map_or(View::ABSENT, View::of)
    }
    /// # Safety
    /// The bytes must be valid for 'a.
    pub unsafe fn bytes<'a>(self) -> Option<&'a [u8]> {
        (!self.data.is_null()).then(|| std::slice::from_raw_parts(self.data, self.size))
    }
    /// # Safety
    /// As bytes.
    pub unsafe fn text(self) -> String {
        String::from_utf8_lossy(self.bytes().unwrap_or_default()).into_owned()
    }
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Header {
    pub name: View,
    pub value: View,
}

#[repr(C)]
pub struct CallError {
    pub struct_size: u32,
    pub native: i32,
    pub retry_after_ms: u32,
    pub reserved: u32,
    pub text: [u8; 480],
    pub field: [u8; 64],
}

#[repr(C)]
pub struct Message {
    pub handle: u64,
    pub body: View,
    pub key: View,
    pub id: View,
    pub source: View,
    pub headers: *const Header,
    pub header_count: u32,
    pub delivery_count: u32,
    pub timestamp_ms: i64,
    pub offset: i64,
    pub partition: i32,
    pub epoch: u32,
    pub lease_ms: u32,
    pub flags: u32,
}

#[repr(C)]
pub struct Record {
    pub token: u64,
    pub queue: View,
    pub body: View,
    pub key: View,
    pub id: View,
    pub headers: *const Header,
    pub header_count: u32,
    pub partition: i32,
    pub timestamp_ms: i64,
    pub delay_ms: u64,
    pub flags: u32,
    pub reserved: u32,
}

pub type Unused = *const c_void;

#[repr(C)]
pub struct Host {
    pub struct_size: u32,
    pub abi_minor: u32,
    pub message_size: u32,
    pub record_size: u32,
    pub context: *mut c_void,
    pub name: *const c_char,
    pub version: *const c_char,
    pub log_level: extern "C" fn(*const Host) -> u32,
    pub log: extern "C" fn(*const Host, u32, View, *const Header, u32),
    pub metric: Unused,
    pub metric_add: Unused,
    pub metric_set: Unused,
    pub allocate: Unused,
    pub deallocate: Unused,
    pub wake: extern "C" fn(*const Host),
    pub health: extern "C" fn(*const Host, u32, View),
    pub config: extern "C" fn(*const Host, *const c_char, *mut i32, *mut View) -> i32,
    pub get_extension: Unused,
}

#[repr(C)]
pub struct Options {
    pub struct_size: u32,
    pub flags: u32,
    pub config: View,
    pub queue: View,
    pub value: View,
    pub component: View,
    pub base_dir: View,
    pub app: View,
}

#[repr(C)]
pub struct Batch {
    pub struct_size: u32,
    pub message_size: u32,
    pub messages: *mut Message,
    pub capacity: u32,
    pub count: u32,
    pub max_bytes: u64,
}

#[repr(C)]
pub struct Settlement {
    pub handle: u64,
    pub outcome: i32,
    pub result: i32,
    pub delay_ms: u64,
    pub reason: u32,
    pub attempts: u32,
    pub text: View,
}

#[repr(C)]
pub struct ConsumerClass {
    pub struct_size: u32,
    pub reserved: u32,
    pub create: unsafe extern "C" fn(*const Host, *const Options, *mut *mut c_void, *mut CallError) -> i32,
    pub open: unsafe extern "C" fn(*mut c_void, *mut CallError) -> i32,
    pub consume: unsafe extern "C" fn(*mut c_void, *mut Batch, u32, *mut CallError) -> i32,
    pub settle: unsafe extern "C" fn(*mut c_void, *mut Settlement, u32, u32, *mut CallError) -> i32,
    pub poll: Unused,
    pub interrupt: Unused,
    pub close: unsafe extern "C" fn(*mut c_void, u32, *mut CallError) -> i32,
    pub destroy: unsafe extern "C" fn(*mut c_void),
    pub get_extension: Unused,
}

#[repr(C)]
pub struct Report {
    pub token: u64,
    pub status: i32,
    pub partition: i32,
    pub offset: i64,
    pub id: View,
    pub text: View,
}

pub type ReportFn = extern "C" fn(*mut c_void, *const Report, u32, u32);

#[repr(C)]
pub struct ProducerClass {
    pub struct_size: u32,
    pub reserved: u32,
    pub create: unsafe extern "C" fn(
        *const Host,
        *const Options,
        ReportFn,
        *mut c_void,
        *mut *mut c_void,
        *mut CallError,
    ) -> i32,
    pub open: unsafe extern "C" fn(*mut c_void, *mut CallError) -> i32,
    pub produce: unsafe extern "C" fn(*mut c_void, *const Record, u32, u32, *mut u32, *mut CallError) -> i32,
    pub poll: Unused,
    pub flush: Unused,
    pub close: unsafe extern "C" fn(*mut c_void, u32, *mut CallError) -> i32,
    pub destroy: unsafe extern "C" fn(*mut c_void),
    pub get_extension: Unused,
}

#[repr(C)]
pub struct Task {
    pub job: *mut c_void,
    pub message: *const Message,
    pub status: i32,
    pub attempt: u32,
    pub deadline_ms: i64,
    pub retry_after_ms: u64,
    pub reason: u32,
    pub group: u32,
}

#[repr(C)]
pub struct Jobs {
    pub struct_size: u32,
    pub reserved: u32,
    pub context: *mut c_void,
    pub emit: extern "C" fn(*mut c_void, *mut c_void, View, *const Record, u32, *mut CallError) -> i32,
    pub explain: extern "C" fn(*mut c_void, *mut c_void, View),
    pub finish: Unused,
    pub cancelled: extern "C" fn(*mut c_void, *mut c_void) -> i32,
}

#[repr(C)]
pub struct HandlerClass {
    pub struct_size: u32,
    pub reserved: u32,
    pub create: unsafe extern "C" fn(*const Host, *const Options, *const Jobs, *mut *mut c_void, *mut CallError) -> i32,
    pub open: Unused,
    pub handle: unsafe extern "C" fn(*mut c_void, *mut Task, u32, u32, *mut CallError) -> i32,
    pub close: Unused,
    pub destroy: unsafe extern "C" fn(*mut c_void),
    pub get_extension: Unused,
    pub poll: Unused,
    pub interrupt: Unused,
}

#[repr(C)]
pub struct Class {
    pub struct_size: u32,
    pub kind: u32,
    pub flags: u64,
    pub name: *const u8,
    pub summary: *const u8,
    pub config_schema: *const u8,
    pub extensions: Unused,
    pub functions: *const c_void,
}

#[repr(C)]
pub struct Plugin {
    pub struct_size: u32,
    pub abi_minor: u32,
    pub needs_minor: u32,
    pub class_count: u32,
    pub classes: *const &'static Class,
    pub name: *const u8,
    pub version: *const u8,
    pub author: *const u8,
    pub license: *const u8,
    pub summary: *const u8,
    pub url: *const u8,
    pub get_extension: Unused,
}

// Their pointers are to static memory that never changes.
unsafe impl Sync for ConsumerClass {}
unsafe impl Sync for ProducerClass {}
unsafe impl Sync for HandlerClass {}
unsafe impl Sync for Class {}
unsafe impl Sync for Plugin {}

// The layout of the header when this was written. Later versions only add fields at the end.
const _: () = {
    assert!(std::mem::size_of::<CallError>() == 560);
    assert!(std::mem::size_of::<Message>() == 120);
    assert!(std::mem::size_of::<Record>() == 112);
    assert!(std::mem::size_of::<Host>() == 128);
    assert!(std::mem::size_of::<Options>() == 104);
    assert!(std::mem::size_of::<Batch>() == 32);
    assert!(std::mem::size_of::<Settlement>() == 48);
    assert!(std::mem::size_of::<ConsumerClass>() == 80);
    assert!(std::mem::size_of::<Report>() == 56);
    assert!(std::mem::size_of::<ProducerClass>() == 72);
    assert!(std::mem::size_of::<Task>() == 48);
    assert!(std::mem::size_of::<HandlerClass>() == 72);
    assert!(std::mem::size_of::<Class>() == 56);
    assert!(std::mem::size_of::<Plugin>() == 80);
};
