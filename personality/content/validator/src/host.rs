//! The host's functions.

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Fills `len` bytes at `ptr` with the next bytes of the content. It does not
    /// return if the host cannot read them.
    #[link_name = "read"]
    fn host_read(ptr: *mut u8, len: usize);

    /// Leaves out the next `len` bytes of the content.
    #[link_name = "skip"]
    fn host_skip(len: u64);

    /// Takes `len` bytes at `ptr` as the answer, and does not return.
    #[link_name = "finish"]
    fn host_finish(ptr: *const u8, len: usize, status: u32) -> !;
}

/// What an answer is.
#[repr(u32)]
pub enum Status {
    /// JSON
    Done = 0,
    /// Text: why there is no answer.
    Failed = 1,
    /// Text: what a library panicked with.
    Panicked = 2,
}

/// Fills `target` with the next bytes of the content.
pub fn read(target: &mut [u8]) {
    // SAFETY: the host writes `len` bytes at `ptr`, all of them in `target`.
    unsafe { host_read(target.as_mut_ptr(), target.len()) }
}

/// Leaves out the next `len` bytes of the content.
pub fn skip(len: u64) {
    // SAFETY: it touches no memory.
    unsafe { host_skip(len) }
}

/// Ends the call with an answer, wherever in it this is: what is under way is dropped with
/// the instance.
pub fn finish(status: Status, answer: &[u8]) -> ! {
    // SAFETY: the host reads `len` bytes at `ptr`, all of them in `answer`.
    unsafe { host_finish(answer.as_ptr(), answer.len(), status as u32) }
}

/// Has panics from here on end the call with their message. The libraries for WIT panic
/// on some components that are valid.
pub fn end_on_panic() {
    std::panic::set_hook(Box::new(|info| {
        finish(
            Status::Panicked,
            info.payload_as_str()
                .unwrap_or("without a message")
                .as_bytes(),
        )
    }));
}
