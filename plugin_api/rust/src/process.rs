//! Descriptors and signals of the process, without a crate for them.

use std::fs::File;
use std::io;
use std::os::fd::FromRawFd;

extern "C" {
    fn dup(descriptor: i32) -> i32;
    fn dup2(from: i32, to: i32) -> i32;
    fn signal(number: i32, handler: usize) -> usize;
}

const SIGTERM: i32 = 15;
const SIG_IGN: usize = 1;

/// Returns the output for answers. Text that is printed from now on goes to standard error.
pub fn take_output() -> io::Result<File> {
    // SAFETY: the descriptors are those of the process, and nothing else owns the copy.
    unsafe {
        let copy = dup(1);
        if copy < 0 || dup2(2, 1) < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(File::from_raw_fd(copy))
    }
}

/// A service manager also sends SIGTERM to handlers, which still have messages to answer.
pub fn ignore_sigterm() {
    // SAFETY: SIG_IGN is a valid disposition.
    unsafe {
        signal(SIGTERM, SIG_IGN);
    }
}
