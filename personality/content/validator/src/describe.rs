//! What WebAssembly says of itself. The content is valid when it comes here.

use crate::bounds::{List, MAX_NAME, Problems};
use crate::content::Content;
use crate::dependencies::{self, Dependency};
use crate::externs::{self, Extern};
use crate::metadata::{self, Metadata, Producer};
use crate::walk::{CUSTOM, Item, MAX_DEPTH, Section, Walk};
use crate::witpackage::{self, Suspect};
use serde::Serialize;

/// Section ids of core modules.
const IMPORT: u8 = 2;
const FUNCTION: u8 = 3;
const EXPORT: u8 = 7;
const CODE: u8 = 10;
const DATA: u8 = 11;

/// The JSON that the host gets: package warg/discovery has its meaning.
#[derive(Serialize)]
pub struct Description {
    kind: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    size: u64,
    functions: u64,
    code: u64,
    data: u64,
    imports: List<Extern>,
    exports: List<Extern>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    producers: Vec<Producer>,
    metadata: Metadata,
    dependencies: List<Dependency>,
    custom: List<Custom>,
    children: u64,
    #[serde(skip_serializing_if = "Problems::is_empty")]
    problems: Problems,
}

/// A custom section at the outermost level.
#[derive(Serialize)]
struct Custom {
    name: String,
    size: u64,
}

impl Description {
    /// Strings are bounded by 512 KiB: beside those of the lists here, 39 KiB of producers,
    /// 16 KiB for each of seven fields of metadata, and the name.
    fn new(size: u64) -> Self {
        Self {
            kind: "",
            name: String::new(),
            size,
            functions: 0,
            code: 0,
            data: 0,
            imports: List::new(120 << 10),
            exports: List::new(120 << 10),
            producers: Vec::new(),
            metadata: Metadata::default(),
            dependencies: List::new(80 << 10),
            custom: List::new(40 << 10),
            children: 0,
            problems: Problems::default(),
        }
    }

    /// Says which lists are not given in full.
    fn report_cuts(&mut self) {
        let lists = [
            ("imports", self.imports.is_cut()),
            ("exports", self.exports.is_cut()),
            ("dependencies", self.dependencies.is_cut()),
            ("custom sections", self.custom.is_cut()),
        ];
        for (name, cut) in lists {
            if cut {
                self.problems
                    .add(format!("there are more {name} than are listed"));
            }
        }
    }
}

/// Describes content, as JSON.
pub fn describe(content: Content) -> Vec<u8> {
    let mut description = Description::new(content.size());
    match Walk::new(content) {
        Ok(walk) => Describer::new(walk, &mut description).run(),
        Err(problem) => description.problems.add(problem),
    }
    description.report_cuts();
    serde_json::to_vec(&description).expect("strings and numbers are JSON")
}

struct Describer<'a> {
    walk: Walk,
    description: &'a mut Description,
    suspect: Suspect,
    /// Sections that were read and of which there should be one.
    seen: Vec<String>,
}

impl<'a> Describer<'a> {
    fn new(walk: Walk, description: &'a mut Description) -> Self {
        Self {
            walk,
            description,
            suspect: Suspect::default(),
            seen: Vec::new(),
        }
    }

    fn run(mut self) {
        if let Err(problem) = self.sections() {
            self.description
                .problems
                .add(format!("it was read in part: {problem}"));
        }
        self.description.kind = match (self.walk.component(), self.suspect.is_wit_package()) {
            (false, _) => "module",
            (true, false) => "component",
            (true, true) => "wit",
        };
    }

    fn sections(&mut self) -> Result<(), String> {
        while let Some(item) = self.walk.next()? {
            match item {
                Item::Nested => self.description.children += 1,
                Item::TooDeep => {
                    self.description.children += 1;
                    self.description.problems.add(format!(
                        "modules and components that are nested in more than {MAX_DEPTH} others were passed over"
                    ));
                }
                Item::Section(section) if section.id == CUSTOM => {
                    if section.depth == 0 {
                        self.custom()?;
                    }
                }
                Item::Section(section) if section.component => {
                    if section.depth == 0 {
                        self.of_component(section.id)?;
                    }
                }
                Item::Section(section) => self.of_module(section)?,
            }
        }
        Ok(())
    }

    fn of_module(&mut self, section: Section) -> Result<(), String> {
        let size = self.walk.left();
        match section.id {
            FUNCTION => self.description.functions += u64::from(self.walk.number()?),
            CODE => self.description.code += size,
            DATA => self.description.data += size,
            IMPORT | EXPORT if section.depth == 0 => {
                let body = self.walk.body();
                let d = &mut *self.description;
                let read = match section.id {
                    IMPORT => externs::module_imports(body, &mut d.imports, &mut d.problems),
                    _ => externs::module_exports(body, &mut d.exports, &mut d.problems),
                };
                read.map_err(|e| e.to_string())?;
            }
            _ => {}
        }
        Ok(())
    }

    fn of_component(&mut self, id: u8) -> Result<(), String> {
        let named = id == witpackage::IMPORT || id == witpackage::EXPORT;
        if id == witpackage::IMPORT {
            self.suspect.clear();
        }
        if !named && !self.suspect.is_open() {
            return Ok(());
        }
        let body = self.walk.body();
        let d = &mut *self.description;
        let read = match id {
            witpackage::IMPORT => externs::imports(body, &mut d.imports, &mut d.problems),
            witpackage::EXPORT => externs::exports(body, &mut d.exports, &mut d.problems),
            _ => Ok(()),
        };
        read.map_err(|e| e.to_string())?;
        if self.suspect.is_open() && self.suspect.section(id, body).is_err() {
            self.suspect.clear();
        }
        Ok(())
    }

    /// Reads a custom section of the outermost level: those that are nested speak for
    /// themselves only.
    fn custom(&mut self) -> Result<(), String> {
        let (name, whole) = self.walk.text(MAX_NAME)?;
        let name = String::from_utf8_lossy(&name).into_owned();
        let size = self.walk.left();
        self.description.custom.push(name.len(), || Custom {
            name: name.clone(),
            size,
        });
        if whole && let Err(problem) = self.known(&name) {
            self.description
                .problems
                .of_section(&name, &format!("{problem}; it was left out"));
        }
        Ok(())
    }

    /// Reads a custom section that is known by its name. Of several, the last one counts.
    fn known(&mut self, name: &str) -> Result<(), String> {
        let own_name = if self.walk.component() {
            "component-name"
        } else {
            "name"
        };
        let d = &mut *self.description;
        let known = name == own_name
            || name == "producers"
            || name == dependencies::SECTION
            || d.metadata.field(name).is_some();
        if !known {
            return Ok(());
        }
        if self.seen.iter().any(|seen| seen == name) {
            d.problems
                .of_section(name, "there is more than one; the last one counts");
        } else {
            self.seen.push(name.into());
        }
        if let Some(field) = d.metadata.field(name) {
            *field = metadata::text(&mut self.walk, name, &mut d.problems).unwrap_or_default();
        } else if name == own_name {
            d.name = metadata::own_name(&mut self.walk, name, &mut d.problems)?.unwrap_or_default();
        } else if name == dependencies::SECTION {
            d.dependencies = List::new(80 << 10);
            let data = self
                .walk
                .rest(dependencies::MAX_SECTION)
                .ok_or("it is too large")?;
            dependencies::read(data, &mut d.dependencies)?;
        } else {
            d.producers = Vec::new();
            let data = self
                .walk
                .rest(metadata::MAX_PRODUCERS)
                .ok_or("it is too large")?;
            let whole;
            (d.producers, whole) = metadata::producers(data).map_err(|e| e.to_string())?;
            if !whole {
                d.problems.add("there are more producers than are listed");
            }
        }
        Ok(())
    }
}
