//! Custom sections with what people and tools say of the content. Each is read for itself:
//! one that is malformed is a problem, and leaves the others as they are.

use crate::bounds::{MAX_ITEMS, MAX_NAME, MAX_TEXT, Problems, cut};
use crate::walk::Walk;
use serde::Serialize;
use std::collections::BTreeMap;
use wasmparser::BinaryReader;

/// The registry metadata (crate wasm-metadata): each field is the text of the custom
/// section of its name.
#[derive(Serialize, Default)]
pub struct Metadata {
    #[serde(skip_serializing_if = "String::is_empty")]
    authors: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    licenses: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    source: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    homepage: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    revision: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    version: String,
}

impl Metadata {
    /// The field that the custom section of that name holds.
    pub fn field(&mut self, section: &str) -> Option<&mut String> {
        Some(match section {
            "authors" => &mut self.authors,
            "description" => &mut self.description,
            "licenses" => &mut self.licenses,
            "source" => &mut self.source,
            "homepage" => &mut self.homepage,
            "revision" => &mut self.revision,
            "version" => &mut self.version,
            _ => return None,
        })
    }
}

/// The rest of a section as text.
pub fn text(walk: &mut Walk, section: &str, problems: &mut Problems) -> Option<String> {
    let whole = walk.left() <= MAX_TEXT as u64;
    if !whole {
        problems.of_section(
            section,
            &format!("it is longer than {MAX_TEXT} bytes; it was cut"),
        );
    }
    utf8(walk.peek(MAX_TEXT), whole, section, problems)
}

/// Bytes as text; those that are not whole may end within a character.
fn utf8(bytes: &[u8], whole: bool, section: &str, problems: &mut Problems) -> Option<String> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text.into()),
        Err(e) if !whole && e.error_len().is_none() => {
            Some(String::from_utf8_lossy(&bytes[..e.valid_up_to()]).into_owned())
        }
        Err(_) => {
            problems.of_section(section, "it is not UTF-8; it was left out");
            None
        }
    }
}

/// The name of the module or component: subsection 0 of "name" and "component-name".
pub fn own_name(
    walk: &mut Walk,
    section: &str,
    problems: &mut Problems,
) -> Result<Option<String>, String> {
    let mut name = None;
    while walk.left() > 0 {
        let id = walk.peek(1)[0];
        walk.content.skip(1);
        let size = u64::from(walk.number()?);
        if size > walk.left() {
            return Err("a subsection ends behind it".into());
        }
        if id != 0 {
            walk.content.skip(size);
            continue;
        }
        let behind = walk.left() - size;
        let (bytes, whole) = walk.text(MAX_NAME)?;
        if !whole {
            problems.of_section(
                section,
                &format!("the name is longer than {MAX_NAME} bytes; it was cut"),
            );
        }
        name = utf8(&bytes, whole, section, problems);
        let rest = walk
            .left()
            .checked_sub(behind)
            .ok_or("the name ends behind its subsection")?;
        walk.content.skip(rest);
    }
    Ok(name)
}

/// One value of a field of the producers section.
#[derive(Serialize)]
pub struct Producer {
    field: String,
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    version: String,
}

/// Most bytes of a producers section that is read, and of the strings kept of it.
pub const MAX_PRODUCERS: usize = 256 << 10;
const PRODUCERS_STRINGS: usize = 39 << 10;

/// Reads a producers section (WebAssembly/tool-conventions, ProducersSection.md). Of values
/// with one name in a field, the last one counts. The flag says whether these are all.
pub fn producers(data: &[u8]) -> wasmparser::Result<(Vec<Producer>, bool)> {
    let mut list: Vec<Producer> = Vec::new();
    let mut places = BTreeMap::new(); // in the list, by field and name
    let (mut strings, mut whole) = (0, true);
    let mut reader = BinaryReader::new(data, 0);
    for _ in 0..reader.read_var_u32()? {
        let field = cut(reader.read_unlimited_string()?, MAX_NAME);
        for _ in 0..reader.read_var_u32()? {
            let name = cut(reader.read_unlimited_string()?, MAX_NAME);
            let version = cut(reader.read_unlimited_string()?, MAX_NAME);
            if let Some(&at) = places.get(&(field, name)) {
                let earlier: &mut Producer = &mut list[at];
                strings -= earlier.version.len();
                earlier.version = version.into();
                strings += version.len();
                if strings > PRODUCERS_STRINGS {
                    list.truncate(at);
                    return Ok((list, false));
                }
                continue;
            }
            let more = field.len() + name.len() + version.len();
            whole = whole && list.len() < MAX_ITEMS && strings + more <= PRODUCERS_STRINGS;
            if whole {
                strings += more;
                places.insert((field, name), list.len());
                list.push(Producer {
                    field: field.into(),
                    name: name.into(),
                    version: version.into(),
                });
            }
        }
    }
    Ok((list, whole))
}
