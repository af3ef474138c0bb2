//! The host's functions.

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Fills `len` bytes at `ptr` with the next bytes of the content. It does not
    /// return if the host cannot read them.
    #[link_name = "read"]
    fn host_read(ptr: *mut u8, len: usize);
}

/// Fills `target` with the next bytes of the content.
pub fn read(target: &mut [u8]) {
    // SAFETY: the host writes `len` bytes at `ptr`, all of them in `target`.
    unsafe { host_read(target.as_mut_ptr(), target.len()) }
}
