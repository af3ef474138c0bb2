//! Walks through the sections of a module or component, and of those nested in it, without
//! reading more of them than is asked for.

use crate::content::Content;
use wasmparser::BinaryReader;

/// How deep modules and components are looked into. The content itself is at depth 0.
pub const MAX_DEPTH: usize = 20;

/// The first eight bytes of a module or component.
const HEADER: usize = 8;

/// Section ids of components (Component Model, Binary.md, "Component Definitions").
pub const CUSTOM: u8 = 0;
const CORE_MODULE: u8 = 1;
const COMPONENT: u8 = 4;

pub enum Item {
    /// A section, of which nothing was read.
    Section(Section),
    /// A nested module or component begins.
    Nested,
    /// A nested module or component that lies too deep was passed over.
    TooDeep,
}

#[derive(Clone, Copy)]
pub struct Section {
    pub id: u8,
    /// Whether it is of a component.
    pub component: bool,
    pub depth: usize,
}

pub struct Walk {
    pub content: Content,
    /// Those that the position is in: where they end, and whether they are components.
    open: Vec<(u64, bool)>,
    /// Where the section ends.
    end: u64,
    /// The bytes before the section's body, or of the beginning of what is nested.
    pub header: Vec<u8>,
}

impl Walk {
    /// Begins a walk. Fails on what is neither a module nor a component.
    pub fn new(mut content: Content) -> Result<Self, String> {
        let header = content.ensure(HEADER).to_vec();
        let component = match header.as_slice() {
            b"\0asm\x01\0\0\0" => false,
            b"\0asm\x0d\0\x01\0" => true,
            _ => return Err("it begins neither as a module nor as a component".into()),
        };
        content.consume(HEADER);
        let size = content.size();
        Ok(Self {
            content,
            open: vec![(size, component)],
            end: HEADER as u64,
            header,
        })
    }

    /// Whether the content is a component.
    pub fn component(&self) -> bool {
        self.open.first().is_some_and(|(_, component)| *component)
    }

    /// Goes on behind the last section. Fails if a length cannot be, which validation
    /// would have found.
    pub fn next(&mut self) -> Result<Option<Item>, String> {
        self.content.skip(self.left());
        let position = self.content.position();
        while self.open.len() > 1 && self.open.last().is_some_and(|(end, _)| *end <= position) {
            self.open.pop();
        }
        let Some(&(parent, component)) = self.open.last() else {
            return Ok(None);
        };
        if position >= parent {
            return Ok(None);
        }
        let depth = self.open.len() - 1;
        let bytes = self.content.ensure(6); // an id, and at most five of the size
        let mut reader = BinaryReader::new(bytes, position);
        let id = reader.read_u8().map_err(|e| e.to_string())?;
        let size = reader.read_var_u32().map_err(|e| e.to_string())?;
        let length = (reader.original_position() - position) as usize;
        self.header = bytes[..length].to_vec();
        self.content.consume(length);
        self.end = position + length as u64 + u64::from(size);
        if self.end > parent {
            return Err(format!(
                "a section at offset {position:#x} ends behind what it is in"
            ));
        }
        if component && (id == CORE_MODULE || id == COMPONENT) {
            return self.enter(id == COMPONENT, depth + 1).map(Some);
        }
        Ok(Some(Item::Section(Section {
            id,
            component,
            depth,
        })))
    }

    /// Goes into a nested module or component.
    fn enter(&mut self, component: bool, depth: usize) -> Result<Item, String> {
        if depth > MAX_DEPTH {
            return Ok(Item::TooDeep);
        }
        if self.left() < HEADER as u64 {
            return Err(format!(
                "what is nested at offset {:#x} ends in its header",
                self.content.position()
            ));
        }
        self.header.extend_from_slice(self.content.ensure(HEADER));
        self.content.consume(HEADER);
        self.open.push((self.end, component));
        self.end = self.content.position();
        Ok(Item::Nested)
    }

    /// How many bytes of the section were not read.
    pub fn left(&self) -> u64 {
        self.end.saturating_sub(self.content.position())
    }

    /// The next bytes of the section, at most `most`, which are not consumed.
    pub fn peek(&mut self, most: usize) -> &[u8] {
        let wanted = self.left().min(most as u64) as usize;
        self.content.ensure(wanted)
    }

    /// The rest of the section, if it has at most `most` bytes.
    pub fn rest(&mut self, most: usize) -> Option<&[u8]> {
        let left = self.left();
        (left <= most as u64).then(|| self.content.ensure(left as usize))
    }

    /// The rest of the section, which validation has had in memory, too.
    pub fn body(&mut self) -> &[u8] {
        let left = self.left() as usize;
        self.content.ensure(left)
    }

    /// Reads a number.
    pub fn number(&mut self) -> Result<u32, String> {
        let position = self.content.position();
        let mut reader = BinaryReader::new(self.peek(5), position);
        let number = reader.read_var_u32().map_err(|e| e.to_string())?;
        let length = reader.original_position() - position;
        self.content.skip(length);
        Ok(number)
    }

    /// Reads a text with its length before it, of which it returns at most `most` bytes.
    /// The flag says whether that is all.
    pub fn text(&mut self, most: usize) -> Result<(Vec<u8>, bool), String> {
        let length = u64::from(self.number()?);
        if length > self.left() {
            return Err(format!(
                "a text at offset {:#x} ends behind its section",
                self.content.position()
            ));
        }
        let text = self.peek(most.min(length as usize)).to_vec();
        self.content.skip(length);
        let whole = text.len() as u64 == length;
        Ok((text, whole))
    }
}
