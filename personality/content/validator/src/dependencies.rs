//! The packages that the content was built from, as cargo-auditable lists them in the
//! custom section .dep-v0: JSON behind zlib.

use crate::bounds::{List, MAX_ITEMS, MAX_NAME, cut};
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

pub const SECTION: &str = ".dep-v0";
/// Most bytes of the section, and of the JSON in it (as in wasm-metadata, dependencies.rs).
pub const MAX_SECTION: usize = 2 << 20;

#[derive(Serialize)]
pub struct Dependency {
    name: String,
    version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    source: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    kind: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dependencies: Vec<u32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    root: bool,
}

/// The JSON (crate auditable-serde, "VersionInfo"), as far as it is used.
#[derive(Deserialize)]
struct Listing<'a> {
    #[serde(borrow)]
    packages: Vec<Package<'a>>,
}

#[derive(Deserialize)]
struct Package<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow, default = "runtime")]
    kind: Cow<'a, str>,
    #[serde(default)]
    dependencies: Vec<u32>,
    #[serde(default)]
    root: bool,
}

fn runtime<'a>() -> Cow<'a, str> {
    "runtime".into()
}

/// Reads the section's data.
pub fn read(data: &[u8], list: &mut List<Dependency>) -> Result<(), String> {
    let json = decompress_to_vec_zlib_with_limit(data, MAX_SECTION)
        .map_err(|e| format!("it is not zlib of at most {MAX_SECTION} bytes: {e}"))?;
    let listing: Listing = serde_json::from_slice(&json)
        .map_err(|e| format!("its JSON is not a list of packages: {e}"))?;
    for package in &listing.packages {
        let bytes =
            package.name.len() + package.version.len() + package.source.len() + package.kind.len();
        let edges = package.dependencies.len().min(MAX_ITEMS);
        list.push(bytes.min(4 * MAX_NAME) + 8 * edges, || package.keep(edges));
    }
    Ok(())
}

impl Package<'_> {
    fn keep(&self, edges: usize) -> Dependency {
        Dependency {
            name: cut(&self.name, MAX_NAME).into(),
            version: cut(&self.version, MAX_NAME).into(),
            source: cut(&self.source, MAX_NAME).into(),
            kind: cut(&self.kind, MAX_NAME).into(),
            dependencies: self.dependencies[..edges].to_vec(),
            root: self.root,
        }
    }
}
