//! Validates a WebAssembly module or component that the host holds.
//!
//! The host exports `host.read` and calls `validate`. Content is pulled piece by
//! piece, so that no more of it is in memory than its largest section (code is
//! taken function by function).

use std::mem;
use wasmparser::{
    BinaryReaderError, Chunk, FuncValidatorAllocations, Parser, ValidPayload, Validator,
    WasmFeatures,
};

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Fills `len` bytes at `ptr` with the next bytes of the content. It does not
    /// return if the host cannot read them.
    fn read(ptr: *mut u8, len: usize);
}

/// Validates content of `size` bytes. Returns 0 if it is valid; otherwise the
/// address (upper half) and the length (lower half) of wasmparser's message.
#[unsafe(no_mangle)]
pub extern "C" fn validate(size: u64) -> u64 {
    match check(Content::new(size)) {
        Ok(()) => 0,
        Err(error) => {
            // The host drops this instance after the call, and the message with it.
            let message = error.to_string().leak();
            (message.as_ptr() as u64) << 32 | message.len() as u64
        }
    }
}

fn check(mut content: Content) -> Result<(), BinaryReaderError> {
    // Every proposal that wasmparser knows: a registry serves content to runtimes
    // that it does not know.
    let features = WasmFeatures::all();
    let mut validator = Validator::new_with_features(features);
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut parents = Vec::new(); // parsers of the components around the current one
    let mut allocations = FuncValidatorAllocations::default();

    loop {
        let (consumed, payload) = match parser.parse(content.available(), content.unread == 0)? {
            Chunk::NeedMoreData(hint) => {
                content.fetch(hint);
                continue;
            }
            Chunk::Parsed { consumed, payload } => (consumed, payload),
        };
        match validator.payload(&payload)? {
            ValidPayload::Ok => {}
            ValidPayload::Parser(nested) => parents.push(mem::replace(&mut parser, nested)),
            ValidPayload::Func(function, body) => {
                let mut function = function.into_validator(mem::take(&mut allocations));
                function.validate(&body)?;
                allocations = function.into_allocations();
            }
            ValidPayload::End(_) => match parents.pop() {
                Some(parent) => parser = parent,
                None => return Ok(()),
            },
        }
        content.start += consumed;
    }
}

/// Least number of bytes asked of the host at once.
const PIECE: usize = 64 * 1024;

/// The part of the content that is in memory.
struct Content {
    buffer: Vec<u8>,
    /// Bytes at the beginning of the buffer that the parser is done with.
    start: usize,
    /// Bytes that are still at the host.
    unread: u64,
}

impl Content {
    fn new(size: u64) -> Self {
        Self { buffer: Vec::new(), start: 0, unread: size }
    }

    fn available(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Appends `wanted` bytes or a whole piece, but not more than there is: lengths
    /// in the content are not to be trusted.
    fn fetch(&mut self, wanted: usize) {
        self.buffer.drain(..mem::take(&mut self.start));
        let more = self.unread.min(wanted.max(PIECE) as u64) as usize;
        let end = self.buffer.len();
        self.buffer.reserve_exact(more);
        self.buffer.resize(end + more, 0);
        let target = &mut self.buffer[end..];
        // SAFETY: the host writes `len` bytes at `ptr`, all of them in `target`.
        unsafe { read(target.as_mut_ptr(), target.len()) };
        self.unread -= more as u64;
    }
}
