//! What the registry asks WebAssembly content: whether it is valid, what it says of
//! itself, and its WIT. It runs inside the registry in a sandbox, an instance a content.
//!
//! The host holds the content, and exports what [`host`] declares.

mod bounds;
mod content;
mod dependencies;
mod describe;
mod externs;
mod host;
mod large;
mod metadata;
mod output;
mod validate;
mod walk;
mod wit;
mod witpackage;

use content::Content;
use host::Status;

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

/// Describes content of `size` bytes, which is valid: lengths in it are believed. Ends
/// with the JSON of a [`describe::Description`].
#[unsafe(no_mangle)]
pub extern "C" fn describe(size: u64) {
    host::end_on_panic();
    host::finish(Status::Done, &describe::describe(Content::new(size)));
}

/// Reads the WIT of a component or WIT package of `size` bytes, which is valid. Ends with
/// the JSON of a [`wit::Wit`], or with why it has none.
#[unsafe(no_mangle)]
pub extern "C" fn wit(size: u64) {
    host::end_on_panic();
    match wit::read(Content::new(size)) {
        Ok(json) => host::finish(Status::Done, &json),
        Err(reason) => host::finish(Status::Failed, reason.as_bytes()),
    }
}
