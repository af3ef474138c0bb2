//! Validates a WebAssembly module or component.
//!
//! Content is pulled piece by piece: code is taken function by function, large custom
//! sections and data as [`large`] does, and of other sections each is in memory as a whole.

use crate::content::Content;
use crate::large;
use std::mem;
use wasmparser::{
    BinaryReaderError, Chunk, FuncValidatorAllocations, Parser, Payload, ValidPayload, Validator,
    WasmFeatures,
};

pub fn check(mut content: Content) -> Result<(), BinaryReaderError> {
    // Every proposal that wasmparser knows: a registry serves content to runtimes
    // that it does not know.
    let features = WasmFeatures::all();
    let mut validator = Validator::new_with_features(features);
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut parents = Vec::new(); // parsers of the components around the current one
    let mut allocations = FuncValidatorAllocations::default();
    let mut bodies = 0; // of functions, that come before the next section

    loop {
        let (consumed, payload) = match parser.parse(content.available(), content.all_available())? {
            Chunk::NeedMoreData(hint) => {
                let pieces = hint >= large::LEAST && bodies == 0;
                if !pieces || !large::section(&mut content, &mut parser, &mut validator)? {
                    content.fetch(hint);
                }
                continue;
            }
            Chunk::Parsed { consumed, payload } => (consumed, payload),
        };
        match payload {
            Payload::CodeSectionStart { count, .. } => bodies = count,
            Payload::CodeSectionEntry(_) => bodies -= 1,
            _ => {}
        }
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
        content.consume(consumed);
    }
}
