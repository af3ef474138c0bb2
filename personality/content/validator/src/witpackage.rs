//! Tells WIT packages from components.

use wasmparser::{
    BinaryReader, ComponentAlias, ComponentAliasSectionReader, ComponentExportSectionReader,
    ComponentExternalKind, ComponentOuterAliasKind, ComponentType, ComponentTypeSectionReader,
    Result,
};

/// Section ids of components.
pub const ALIAS: u8 = 6;
pub const TYPE: u8 = 7;
pub const IMPORT: u8 = 10;
pub const EXPORT: u8 = 11;

/// What is known of a component while its sections are read. A WIT package imports nothing
/// and exports nothing but types of components, and the first export has a plain name or
/// that of the interface "wit" (wit-parser, decoding.rs, "is_wit_package").
#[derive(Default)]
pub struct Suspect {
    /// Its types: whether each is that of a component.
    types: Vec<bool>,
    exports: bool,
    cleared: bool,
}

impl Suspect {
    pub fn is_wit_package(&self) -> bool {
        self.exports && !self.cleared
    }

    /// Whether its sections need be looked at.
    pub fn is_open(&self) -> bool {
        !self.cleared
    }

    /// It is none.
    pub fn clear(&mut self) {
        self.cleared = true;
        self.types = Vec::new();
    }

    /// Looks at a section of types, aliases or exports.
    pub fn section(&mut self, id: u8, body: &[u8]) -> Result<()> {
        let reader = BinaryReader::new(body, 0);
        match id {
            TYPE => {
                for ty in ComponentTypeSectionReader::new(reader)? {
                    self.declare(matches!(ty?, ComponentType::Component(_)));
                }
            }
            ALIAS => {
                for alias in ComponentAliasSectionReader::new(reader)? {
                    self.alias(&alias?);
                }
            }
            EXPORT => {
                for export in ComponentExportSectionReader::new(reader)? {
                    let export = export?;
                    self.export(export.name.name, export.kind, export.index);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn declare(&mut self, component: bool) {
        self.types.push(component);
    }

    fn is_component(&self, index: u32) -> bool {
        self.types.get(index as usize).copied().unwrap_or_default()
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) {
        match *alias {
            ComponentAlias::InstanceExport {
                kind: ComponentExternalKind::Type,
                ..
            } => self.declare(false),
            ComponentAlias::Outer {
                kind: ComponentOuterAliasKind::Type,
                index,
                ..
            } => {
                self.declare(self.is_component(index)); // only the component itself is around it
            }
            _ => {}
        }
    }

    fn export(&mut self, name: &str, kind: ComponentExternalKind, index: u32) {
        let named = self.exports
            || !name.contains(':')
            || name.split('@').next().is_some_and(|n| n.ends_with("/wit"));
        if kind != ComponentExternalKind::Type || !self.is_component(index) || !named {
            return self.clear();
        }
        self.exports = true;
        self.declare(true);
    }
}
