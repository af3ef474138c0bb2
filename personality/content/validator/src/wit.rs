//! The WIT of a component or WIT package. The content is valid when it comes here. That
//! does not keep the libraries from panicking, recursing without end, or taking for ever:
//! whatever happens, it happens to an instance that is used once.

use crate::bounds::{MAX_ITEMS, MAX_NAME, cut};
use crate::content::Content;
use crate::host::{Status, finish};
use crate::output::BoundedOutput;
use crate::walk::{CUSTOM, Item, Section, Walk};
use serde::Serialize;
use std::io::{self, Read};
use wasmparser::BinaryReader;
use wit_component::WitPrinter;
use wit_parser::decoding::{DecodedWasm, decode_reader};
use wit_parser::{PackageId, PackageMetadata, Resolve, World};

/// Most bytes of the text, of documentation, and of the names together.
const MAX_WIT: usize = 1 << 20;
const MAX_DOCS: usize = 1 << 20;
const MAX_NAMES: usize = 512 << 10;

/// The JSON that the host gets: package warg/discovery has its meaning.
#[derive(Serialize)]
pub struct Wit<'a> {
    kind: &'static str,
    packages: &'a [Package],
    worlds: &'a [Interface],
    text: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
}

#[derive(Serialize)]
struct Package {
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    version: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    interfaces: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    worlds: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    main: bool,
}

/// A world.
#[derive(Serialize)]
struct Interface {
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    imports: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exports: Vec<String>,
}

/// Reads WIT, as JSON, or says why there is none.
pub fn read(content: Content) -> Result<Vec<u8>, String> {
    let mut source = Source::new(Walk::new(content)?);
    if !source.walk.component() {
        return Err("a core module has no WIT".into());
    }
    let decoded = decode_reader(&mut source).map_err(|e| format!("{e:#}"))?;
    let (kind, mut resolve, main) = match decoded {
        DecodedWasm::WitPackage(resolve, main) => ("wit", resolve, main),
        DecodedWasm::Component(resolve, world) => {
            let main = resolve.worlds[world]
                .package
                .ok_or("its world is of no package")?;
            ("component", resolve, main)
        }
    };
    let problem = source
        .docs
        .inject(&mut resolve, main)
        .err()
        .map(|p| cut(&p, MAX_NAME).to_owned());
    let others: Vec<_> = resolve
        .packages
        .iter()
        .map(|(id, _)| id)
        .filter(|id| *id != main)
        .collect();

    let mut names = Names::default();
    let (packages, worlds) = names.outline(&resolve, main, &others);
    let answer = |text: &str, truncated: bool| {
        let wit = Wit {
            kind,
            packages: &packages,
            worlds: &worlds,
            text,
            truncated: truncated || names.cut,
            problems: problem.iter().cloned().collect(),
        };
        serde_json::to_vec(&wit).expect("strings are JSON")
    };
    let output = BoundedOutput::new(MAX_WIT, |text: &str| {
        finish(Status::Done, &answer(text, true))
    });
    let mut printer = WitPrinter::new(output);
    printer
        .print(&resolve, main, &others)
        .map_err(|e| format!("{e:#}"))?;
    Ok(answer(printer.output.text(), false))
}

/// Keeps names as long as there is room.
#[derive(Default)]
struct Names {
    bytes: usize,
    cut: bool,
}

impl Names {
    fn outline(
        &mut self,
        resolve: &Resolve,
        main: PackageId,
        others: &[PackageId],
    ) -> (Vec<Package>, Vec<Interface>) {
        let mut packages = Vec::new();
        for id in [main].iter().chain(others) {
            let package = &resolve.packages[*id];
            let Some(name) = self.keep(
                packages.len(),
                format!("{}:{}", package.name.namespace, package.name.name),
            ) else {
                break;
            };
            packages.push(Package {
                name,
                version: package
                    .name
                    .version
                    .as_ref()
                    .map(|v| v.to_string())
                    .and_then(|v| self.keep(0, v))
                    .unwrap_or_default(),
                interfaces: self.list(package.interfaces.keys().cloned()),
                worlds: self.list(package.worlds.keys().cloned()),
                main: *id == main,
            });
        }
        let mut worlds = Vec::new();
        for (name, id) in &resolve.packages[main].worlds {
            let Some(name) = self.keep(worlds.len(), name.clone()) else {
                break;
            };
            worlds.push(self.world(resolve, name, &resolve.worlds[*id]));
        }
        (packages, worlds)
    }

    fn world(&mut self, resolve: &Resolve, name: String, world: &World) -> Interface {
        Interface {
            name,
            imports: self.list(world.imports.keys().map(|key| resolve.name_world_key(key))),
            exports: self.list(world.exports.keys().map(|key| resolve.name_world_key(key))),
        }
    }

    fn list(&mut self, names: impl Iterator<Item = String>) -> Vec<String> {
        let mut list = Vec::new();
        for name in names {
            let Some(name) = self.keep(list.len(), name) else {
                break;
            };
            list.push(name);
        }
        list
    }

    /// The name, if there is room for it behind `before` others in its list.
    fn keep(&mut self, before: usize, name: String) -> Option<String> {
        self.bytes += name.len();
        if before >= MAX_ITEMS || name.len() > MAX_NAME || self.bytes > MAX_NAMES {
            self.cut = true;
            return None;
        }
        Some(name)
    }
}

/// Gives the libraries the content without its documentation: they would take that of
/// nested components for the outer one's, and fail altogether if it is malformed.
struct Source {
    walk: Walk,
    /// Bytes that are to be given before those that the walk is at.
    ahead: Vec<u8>,
    docs: Docs,
}

/// The documentation of the outermost component, of the custom section "package-docs".
#[derive(Default)]
struct Docs {
    data: Vec<u8>,
    sections: usize,
    too_large: bool,
}

impl Docs {
    /// Puts the documentation into its places. If it does not fit, it is in some.
    fn inject(&self, resolve: &mut Resolve, package: PackageId) -> Result<(), String> {
        let failed = |reason: &str| {
            format!(
                "custom section {}: {reason}; documentation is missing",
                PackageMetadata::SECTION_NAME
            )
        };
        match self.sections {
            0 => return Ok(()),
            1 if self.too_large => return Err(failed("it is too large")),
            1 => {}
            _ => return Err(failed("there is more than one")),
        }
        PackageMetadata::decode(&self.data)
            .and_then(|docs| docs.inject(resolve, package))
            .map_err(|e| failed(&format!("{e:#}")))
    }
}

impl Source {
    fn new(mut walk: Walk) -> Self {
        let ahead = std::mem::take(&mut walk.header);
        Self {
            walk,
            ahead,
            docs: Docs::default(),
        }
    }

    /// Goes on to the next section. Returns false at the end.
    fn advance(&mut self) -> Result<bool, String> {
        let Some(item) = self.walk.next()? else {
            return Ok(false);
        };
        self.ahead = std::mem::take(&mut self.walk.header);
        match item {
            Item::Section(section) if section.id == CUSTOM => self.hide_docs(section)?,
            Item::Section(_) | Item::Nested => {}
            Item::TooDeep => return Err("modules and components are nested too deep".into()),
        }
        Ok(true)
    }

    /// Changes the name of a custom section with documentation into one that nobody
    /// knows, of the same length, so that all sizes stay right.
    fn hide_docs(&mut self, section: Section) -> Result<(), String> {
        const NAME: &str = PackageMetadata::SECTION_NAME;
        let bytes = self.walk.peek(5 + NAME.len());
        let mut reader = BinaryReader::new(bytes, 0);
        if !reader
            .read_unlimited_string()
            .is_ok_and(|name| name == NAME)
        {
            return Ok(());
        }
        let end = reader.original_position() as usize;
        let mut name = bytes[..end].to_vec();
        self.walk.content.consume(end);
        name[end - 1] = b'-';
        self.ahead.extend_from_slice(&name);
        if section.depth == 0 {
            self.docs.sections += 1;
            match self.walk.rest(MAX_DOCS) {
                Some(data) => self.docs.data = data.to_vec(),
                None => self.docs.too_large = true,
            }
        }
        Ok(())
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ahead.is_empty() && self.walk.left() == 0 {
            if !self.advance().map_err(io::Error::other)? {
                return Ok(0);
            }
        }
        if !self.ahead.is_empty() {
            let n = buffer.len().min(self.ahead.len());
            buffer[..n].copy_from_slice(&self.ahead[..n]);
            self.ahead.drain(..n);
            return Ok(n);
        }
        let n = buffer.len().min(self.walk.left() as usize);
        let bytes = self.walk.content.ensure(n);
        let n = bytes.len();
        buffer[..n].copy_from_slice(bytes);
        self.walk.content.consume(n);
        Ok(n)
    }
}
