//! The modules of the five library crates, as they are compiled without tests.

use std::fs;
use std::path::Path;

use syn::{Attribute, Item, ItemMod, Meta};

use crate::code_lines;
use crate::error::Error;

/// The folders of the crates under `crates`, from the bottom up.
pub(crate) const CRATES: [&str; 5] = [
    "frames",
    "protocol",
    "handshake",
    "connection",
    "socket-flow",
];

/// A module that has a file.
pub(crate) struct Module {
    /// Its names from the crate's root on, which has none.
    pub(crate) path: Vec<String>,
    /// From the root of the source tree.
    pub(crate) file: String,
    pub(crate) items: Vec<Item>,
    /// Lines of code.
    pub(crate) lines: usize,
}

/// Reads the modules of a crate in the source tree `root`.
pub(crate) fn modules(root: &Path, name: &str) -> Result<Vec<Module>, Error> {
    let source = root.join("crates").join(name).join("src");
    let mut modules = Vec::new();
    load(
        root,
        &source.join("lib.rs"),
        &source,
        Vec::new(),
        &mut modules,
    )?;
    Ok(modules)
}

/// The lines of code of each crate, in the order of [`CRATES`].
pub(crate) fn lines(root: &Path) -> Result<Vec<usize>, Error> {
    CRATES
        .iter()
        .map(|name| Ok(modules(root, name)?.iter().map(|module| module.lines).sum()))
        .collect()
}

/// Reads a module's file, and those of the modules in it, which lie in `folder`.
fn load(
    root: &Path,
    file: &Path,
    folder: &Path,
    path: Vec<String>,
    modules: &mut Vec<Module>,
) -> Result<(), Error> {
    let text = fs::read_to_string(file).map_err(Error::file(file))?;
    let items = syn::parse_file(&text)
        .map_err(|error| Error::data(file, error))?
        .items;
    let children: Vec<_> = items.iter().filter_map(in_file).collect();
    for child in &children {
        let child_folder = folder.join(child);
        let child_file = [
            folder.join(format!("{child}.rs")),
            child_folder.join("mod.rs"),
        ]
        .into_iter()
        .find(|file| file.is_file())
        .ok_or_else(|| Error::data(file, format!("there is no file for mod {child}")))?;
        let mut child_path = path.clone();
        child_path.push(child.clone());
        load(root, &child_file, &child_folder, child_path, modules)?;
    }
    let lines = code_lines::count(&text).map_err(|error| Error::data(file, error))?;
    let file = name(root, file);
    modules.push(Module {
        path,
        file,
        items,
        lines,
    });
    Ok(())
}

/// A file's name from the root of the source tree, with the same slashes everywhere.
pub(crate) fn name(root: &Path, file: &Path) -> String {
    let name = file.strip_prefix(root).unwrap_or(file);
    name.to_string_lossy().replace('\\', "/")
}

/// The name of a module that has a file and is not for tests only.
fn in_file(item: &Item) -> Option<String> {
    match item {
        Item::Mod(ItemMod {
            attrs,
            ident,
            content: None,
            ..
        }) if !is_for_tests(attrs) => Some(ident.to_string()),
        _ => None,
    }
}

/// Whether what has these attributes is compiled for tests only.
pub(crate) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            code_lines::needs_test(list.tokens.clone())
        }
        _ => false,
    })
}
