//! No panic leaves a function that the engine calls: it becomes a status with its text.

use std::panic::{catch_unwind, AssertUnwindSafe};

use crate::{abi, Error, Result};

pub fn text_of(panic: Box<dyn std::any::Any + Send>) -> String {
    let text = match panic.downcast_ref::<&str>() {
        Some(text) => text.to_string(),
        None => panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".to_string()),
    };
    std::mem::forget(panic); // its drop could panic
    text
}

/// Runs `body`; a panic becomes an Error with E_RETRY.
pub fn caught<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(body))
        .unwrap_or_else(|panic| Err(Error::retry(format!("panicked: {}", text_of(panic)))))
}

/// The status of a call, with the error text in `error`.
pub unsafe fn status(error: *mut abi::CallError, body: impl FnOnce() -> Result<i32>) -> i32 {
    match caught(body) {
        Ok(status) => status,
        Err(why) => {
            if let Some(out) = error.as_mut().filter(|e| e.struct_size as usize >= 16 + 480) {
                let mut size = why.text.len().min(out.text.len() - 1);
                while !why.text.is_char_boundary(size) {
                    size -= 1;
                }
                out.text[..size].copy_from_slice(&why.text.as_bytes()[..size]);
                out.text[size] = 0;
                out.retry_after_ms = why.retry_after_ms;
            }
            why.status
        }
    }
}
