//! Validates a WebAssembly module or component.
//!
//! Content is pulled piece by piece, so that no more of it is in memory than its largest
//! section (code is taken function by function).

use crate::content::Content;
use std::mem;
use wasmparser::{
    BinaryReaderError, Chunk, FuncValidatorAllocations, Parser, ValidPayload, Validator,
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

    loop {
        let (consumed, payload) =
            match parser.parse(content.available(), content.all_available())? {
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
        content.consume(consumed);
    }
}
