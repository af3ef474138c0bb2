//! Validates a WebAssembly module or component that the host holds.
//!
//! The host exports what [`host`] declares, and calls `validate`.

mod content;
mod host;
mod large;
mod validate;

use content::Content;

/// Validates content of `size` bytes. Returns 0 if it is valid; otherwise the
/// address (upper half) and the length (lower half) of wasmparser's message.
#[unsafe(no_mangle)]
pub extern "C" fn validate(size: u64) -> u64 {
    match validate::check(Content::new(size)) {
        Ok(()) => 0,
        Err(error) => {
            // The host drops this instance after the call, and the message with it.
            let message = error.to_string().leak();
            (message.as_ptr() as u64) << 32 | message.len() as u64
        }
    }
}
