//! Imports and exports.

use crate::bounds::{List, MAX_NAME, Problems, cut};
use serde::Serialize;
use wasmparser::{
    BinaryReader, ComponentExportSectionReader, ComponentExternName, ComponentImportSectionReader,
    ExportSectionReader, ExternalKind, ImportSectionReader, Result, TypeRef,
};

#[derive(Serialize)]
pub struct Extern {
    #[serde(skip_serializing_if = "String::is_empty")]
    module: String,
    name: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    package: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    interface: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    version: String,
}

/// The parts of an interface's name: package, interface, version.
type Parts<'a> = (&'a str, &'a str, &'a str);

/// Splits "wasi:http/types@0.2.3" into "wasi:http", "types" and "0.2.3". Of another form
/// than that there are no parts.
fn split(name: &str) -> Parts<'_> {
    let (path, version) = name.split_once('@').unwrap_or((name, ""));
    match path.split_once('/') {
        Some((package, interface))
            if package.contains(':') && !path.contains(['<', '>', '=', ',', '|', ' ']) =>
        {
            (package, interface, version)
        }
        _ => ("", "", ""),
    }
}

/// Adds an import or export. Names that are too long are cut, and have no parts.
fn add(
    list: &mut List<Extern>,
    problems: &mut Problems,
    module: &str,
    name: &str,
    kind: &'static str,
    interface: &str,
) {
    let long = module.len() > MAX_NAME || name.len() > MAX_NAME || interface.len() > MAX_NAME;
    if long {
        problems.add(format!(
            "a name of an import or export is longer than {MAX_NAME} bytes; it was cut"
        ));
    }
    let (package, interface, version) = if long { ("", "", "") } else { split(interface) };
    let (module, name) = (cut(module, MAX_NAME), cut(name, MAX_NAME));
    let strings = module.len() + name.len() + package.len() + interface.len() + version.len();
    list.push(strings, || Extern {
        module: module.into(),
        name: name.into(),
        kind,
        package: package.into(),
        interface: interface.into(),
        version: version.into(),
    });
}

/// Reads the import section of a core module.
pub fn module_imports(body: &[u8], list: &mut List<Extern>, problems: &mut Problems) -> Result<()> {
    for import in ImportSectionReader::new(BinaryReader::new(body, 0))?.into_imports() {
        let import = import?;
        let kind = match import.ty {
            TypeRef::Func(_) | TypeRef::FuncExact(_) => "func",
            TypeRef::Table(_) => "table",
            TypeRef::Memory(_) => "memory",
            TypeRef::Global(_) => "global",
            TypeRef::Tag(_) => "tag",
        };
        add(
            list,
            problems,
            import.module,
            import.name,
            kind,
            import.module,
        );
    }
    Ok(())
}

/// Reads the export section of a core module.
pub fn module_exports(body: &[u8], list: &mut List<Extern>, problems: &mut Problems) -> Result<()> {
    for export in ExportSectionReader::new(BinaryReader::new(body, 0))? {
        let export = export?;
        let kind = match export.kind {
            ExternalKind::Func | ExternalKind::FuncExact => "func",
            ExternalKind::Table => "table",
            ExternalKind::Memory => "memory",
            ExternalKind::Global => "global",
            ExternalKind::Tag => "tag",
        };
        add(list, problems, "", export.name, kind, "");
    }
    Ok(())
}

/// Reads an import section of a component.
pub fn imports(body: &[u8], list: &mut List<Extern>, problems: &mut Problems) -> Result<()> {
    for import in ComponentImportSectionReader::new(BinaryReader::new(body, 0))? {
        let import = import?;
        add_component(list, problems, &import.name, import.ty.kind().desc());
    }
    Ok(())
}

/// Reads an export section of a component.
pub fn exports(body: &[u8], list: &mut List<Extern>, problems: &mut Problems) -> Result<()> {
    for export in ComponentExportSectionReader::new(BinaryReader::new(body, 0))? {
        let export = export?;
        add_component(list, problems, &export.name, export.kind.desc());
    }
    Ok(())
}

fn add_component(
    list: &mut List<Extern>,
    problems: &mut Problems,
    name: &ComponentExternName,
    kind: &'static str,
) {
    let full = name.full_name();
    match name.full_implements() {
        Some(implements) => add(list, problems, "", &full, kind, &implements),
        None => add(list, problems, "", &full, kind, &full),
    }
}
