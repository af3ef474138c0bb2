//! Validates sections that may be large without having them in memory: custom sections, of
//! which only the name counts, and data, of whose segments only the beginning counts.
//!
//! wasmparser's parser wants a section as a whole. It gets others in its place that are as
//! long together, so that it stays where it is in the content: custom sections of nothing,
//! and a data section that ends behind its count. The segments are given to the validator one
//! by one, without their bytes. What is in any way unlike valid content is left to
//! wasmparser as it is, so that its messages are those that the whole content would get.

use crate::content::Content;
use wasmparser::{
    BinaryReader, BinaryReaderError, Chunk, ConstExpr, CustomSectionReader, DataSectionReader,
    Parser, Payload, Validator,
};

/// Missing bytes from which on a section counts as large.
pub const LEAST: usize = 256 * 1024;

/// So much of the beginning of a section or segment is looked at. A custom section's name
/// has at most 100,000 bytes.
const BEGINNING: usize = 128 * 1024;

/// Most segments of data that wasmparser takes.
const MAX_SEGMENTS: u32 = 100_000;

const CUSTOM: u8 = 0;
const DATA: u8 = 11; // in modules

/// Validates the section at which content and parser are, whose length the parser has
/// found possible, and passes it. Returns false, and changes nothing, if it has to be in
/// memory as a whole.
pub fn section(
    content: &mut Content,
    parser: &mut Parser,
    validator: &mut Validator,
) -> Result<bool, BinaryReaderError> {
    let position = content.position();
    let end = content.size() - position;
    let bytes = content.ensure(BEGINNING);
    let mut reader = BinaryReader::new(bytes, position);
    let (Ok(id), Ok(size)) = (reader.read_u8(), reader.read_var_u32()) else { return Ok(false) };
    let header = reader.current_position();
    let length = header as u64 + u64::from(size);
    if length > end || length < LEAST as u64 {
        return Ok(false);
    }
    let body = BinaryReader::new(&bytes[header..], position + header as u64);
    match id {
        CUSTOM if CustomSectionReader::new(body).is_ok() => {
            fill(parser, length)?;
            content.skip(length);
            Ok(true)
        }
        DATA => data(content, parser, validator, header, length),
        _ => Ok(false),
    }
}

/// The same for what may be a data section, with the length of its header and its own.
fn data(
    content: &mut Content,
    parser: &mut Parser,
    validator: &mut Validator,
    header: usize,
    length: u64,
) -> Result<bool, BinaryReaderError> {
    let mut reader = BinaryReader::new(&content.available()[header..], 0);
    let Ok(count) = reader.read_var_u32() else { return Ok(false) };
    if count > MAX_SEGMENTS {
        return Ok(false);
    }
    let counted = header + reader.current_position();
    let mut empty = content.available()[..counted].to_vec();
    number(&mut empty[1..header], (counted - header) as u32);
    let mut ahead = parser.clone();
    match ahead.parse(&empty, false) {
        Ok(Chunk::Parsed { consumed, payload: Payload::DataSection(_) }) if consumed == counted => {}
        _ => return Ok(false), // a section of components, or not expected here
    }
    let left = length - counted as u64;
    fill(&mut ahead, left)?;
    *parser = ahead;
    content.consume(counted);
    segments(content, validator, count, left)?;
    Ok(true)
}

/// Validates and passes so many segments in the next `left` bytes, which are all theirs.
fn segments(
    content: &mut Content,
    validator: &mut Validator,
    mut count: u32,
    mut left: u64,
) -> Result<(), BinaryReaderError> {
    let mut section = Vec::new();
    while count > 0 {
        let Some((size_at, length)) = segment(content, left) else { break };
        section.clear();
        section.push(1); // segment
        section.extend_from_slice(&content.available()[..size_at]);
        section.push(0); // bytes of data
        validate(validator, &section, content.position() - 1)?;
        content.skip(length);
        left -= length;
        count -= 1;
    }
    if count == 0 && left == 0 {
        return Ok(());
    }
    // What is wrong, or too long for us, wasmparser has to see.
    section.clear();
    section.resize(5, 0);
    number(&mut section, count);
    section.extend_from_slice(content.ensure(left as usize));
    validate(validator, &section, content.position() - 5)?;
    content.skip(left);
    Ok(())
}

/// How many bytes of the next segment are before the size of its data, and how many it has
/// with its data: if that is within the next `left` bytes.
fn segment(content: &mut Content, left: u64) -> Option<(usize, u64)> {
    // Most segments begin with a few bytes: it does not pay to have more of small ones.
    [BEGINNING / 128, BEGINNING].into_iter().find_map(|most| {
        let bytes = content.ensure(left.min(most as u64) as usize);
        let mut reader = BinaryReader::new(bytes, 0);
        // As wasmparser's Data::from_reader.
        match reader.read_var_u32().ok()? {
            1 => {}
            0 => drop(reader.read::<ConstExpr>().ok()?),
            2 => {
                reader.read_var_u32().ok()?;
                drop(reader.read::<ConstExpr>().ok()?);
            }
            _ => return None,
        }
        let size_at = reader.current_position();
        let size = reader.read_var_u32().ok()?;
        let length = reader.current_position() as u64 + u64::from(size);
        (length <= left).then_some((size_at, length))
    })
}

/// Validates segments of data in a section whose body is at this position.
fn validate(validator: &mut Validator, body: &[u8], position: u64) -> Result<(), BinaryReaderError> {
    validator.data_section(&DataSectionReader::new(BinaryReader::new(body, position))?)
}

/// Largest section that takes the place of others.
const FILLER: u64 = 64 * 1024;

/// A custom section without a name and anything in it, with the longest size.
const LEAST_FILLER: u64 = 7;

/// Has the parser pass custom sections of so many bytes, at least [`LEAST_FILLER`].
fn fill(parser: &mut Parser, mut length: u64) -> Result<(), BinaryReaderError> {
    let mut filler = vec![0; FILLER as usize];
    while length > 0 {
        let some = match length {
            ..=FILLER => length,
            ..FILLER_AND_LEAST => length - LEAST_FILLER,
            _ => FILLER,
        };
        number(&mut filler[1..6], some as u32 - 6);
        match parser.parse(&filler[..some as usize], false)? {
            Chunk::Parsed { consumed, payload: Payload::CustomSection(_) } if consumed as u64 == some => {}
            _ => unreachable!("a custom section was not taken for one"),
        }
        length -= some;
    }
    Ok(())
}

const FILLER_AND_LEAST: u64 = FILLER + LEAST_FILLER;

/// Writes a number as LEB128 with so many bytes, 1 to 5.
fn number(bytes: &mut [u8], mut n: u32) {
    let last = bytes.len() - 1;
    for byte in &mut bytes[..last] {
        *byte = n as u8 | 0x80;
        n >>= 7;
    }
    bytes[last] = n as u8;
}
