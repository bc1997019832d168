//! Circles among modules of the library that import from each other.
//!
//! An import is a path to another module, in a `use` or where something is named; a name that a
//! module only hands on counts for the module that has it. A part of a module may use the whole of
//! it. What a macro is given is not looked into.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;
use syn::visit::{self, Visit};
use syn::{Item, ItemMod, ItemUse, UseTree, Visibility};

use crate::error::Error;
use crate::library::{self, Module};

/// How far a name that is handed on is followed; further is a circle of names, which is no program.
const FOLLOWED: usize = 16;

/// The circles there are. No new one is let in, and none of these may grow: what opens one takes it
/// from here.
const KNOWN: [&[&str]; 0] = [];

/// What is wrong with the circles in a source tree, a line for each.
pub(crate) fn check(root: &Path) -> Result<Vec<String>, Error> {
    Ok(judge(&find(root)?, &KNOWN))
}

/// Compares the circles that were found with those that are known.
fn judge(found: &[Vec<String>], known: &[&[&str]]) -> Vec<String> {
    let is_in = |circle: &[String], known: &[&str]| {
        circle.iter().all(|file| known.contains(&file.as_str()))
    };
    let mut broken = Vec::new();
    for circle in found {
        let files = circle.join(" ");
        match known.iter().find(|known| is_in(circle, known)) {
            Some(known) if known.len() == circle.len() => {}
            Some(_) => broken.push(format!("{files}: less than is known of this circle")),
            None => broken.push(format!("{files}: a circle of imports")),
        }
    }
    for known in known {
        if !found.iter().any(|circle| is_in(circle, known)) {
            broken.push(format!("{}: a circle no more, but known", known.join(" ")));
        }
    }
    broken
}

/// The circles of each library crate in a source tree: the files of each, in order.
fn find(root: &Path) -> Result<Vec<Vec<String>>, Error> {
    let mut circles = Vec::new();
    for name in library::CRATES {
        circles.extend(among(&library::modules(root, name)?));
    }
    Ok(circles)
}

fn among(modules: &[Module]) -> Vec<Vec<String>> {
    let tree = Tree::of(modules);
    let mut graph = DiGraph::<usize, ()>::new();
    let nodes: Vec<_> = (0..modules.len())
        .map(|index| graph.add_node(index))
        .collect();
    for (index, module) in modules.iter().enumerate() {
        for imported in tree.imports(index, module) {
            // A part of a module may use the whole of it.
            if module.path.starts_with(&modules[imported].path) {
                continue;
            }
            graph.update_edge(nodes[index], nodes[imported], ());
        }
    }
    let mut circles: Vec<_> = tarjan_scc(&graph)
        .into_iter()
        .filter(|circle| circle.len() > 1)
        .map(|circle| {
            let files = circle
                .into_iter()
                .map(|node| modules[graph[node]].file.clone());
            let mut files: Vec<_> = files.collect();
            files.sort();
            files
        })
        .collect();
    circles.sort();
    circles
}

/// Where a path leads.
struct Tree<'a> {
    modules: HashMap<&'a [String], usize>,
    paths: Vec<&'a [String]>,
    /// What each module imports under which name.
    names: Vec<HashMap<String, Vec<String>>>,
}

impl<'a> Tree<'a> {
    fn of(modules: &'a [Module]) -> Self {
        let paths: Vec<_> = modules.iter().map(|module| &module.path[..]).collect();
        let names = modules.iter().map(|module| {
            let uses = module.items.iter().filter_map(|item| match item {
                Item::Use(item) => Some(&item.tree),
                _ => None,
            });
            let mut names = HashMap::new();
            for tree in uses {
                leaves(tree, &mut Vec::new(), &mut |path, name| {
                    names.insert(name.to_owned(), path.to_vec());
                });
            }
            names
        });
        Self {
            modules: paths.iter().copied().zip(0..).collect(),
            names: names.collect(),
            paths,
        }
    }

    /// The modules that one imports from.
    fn imports(&self, index: usize, module: &Module) -> HashSet<usize> {
        let mut imports = Imports {
            tree: self,
            module: index,
            depth: 0,
            found: HashSet::new(),
        };
        for item in &module.items {
            imports.visit_item(item);
        }
        imports.found.remove(&index);
        imports.found
    }

    /// The module in which what a path names is written; `None` outside the crate.
    fn resolve(&self, from: usize, path: &[String], followed: usize) -> Option<usize> {
        let mut place = self.paths[from].to_vec();
        let mut rest = path;
        let mut is_local = false;
        while let [first, others @ ..] = rest {
            match first.as_str() {
                "crate" => place.clear(),
                "self" => {}
                "super" => _ = place.pop()?,
                _ => break,
            }
            is_local = true;
            rest = others;
        }
        while let [first, others @ ..] = rest {
            place.push(first.clone());
            if !self.modules.contains_key(&place[..]) {
                place.pop();
                break;
            }
            is_local = true;
            rest = others;
        }
        let module = *self.modules.get(&place[..])?;
        if !is_local {
            return None;
        }
        let handed_on = rest.first().and_then(|name| self.names[module].get(name));
        match handed_on {
            Some(path) if followed < FOLLOWED => {
                let path = [path, &rest[1..]].concat();
                self.resolve(module, &path, followed + 1).or(Some(module))
            }
            _ => Some(module),
        }
    }
}

/// Looks for paths in one module's code.
struct Imports<'a> {
    tree: &'a Tree<'a>,
    module: usize,
    /// How many modules without a file we are in.
    depth: usize,
    found: HashSet<usize>,
}

impl Imports<'_> {
    fn note(&mut self, path: &[String]) {
        let supers = path.iter().take_while(|name| *name == "super").count();
        if supers > 0 && supers <= self.depth {
            return;
        }
        let path = match supers {
            0 => path,
            _ => &path[self.depth..],
        };
        self.found.extend(self.tree.resolve(self.module, path, 0));
    }
}

impl<'ast> Visit<'ast> for Imports<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !library::is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        self.depth += 1;
        visit::visit_item_mod(self, module);
        self.depth -= 1;
    }

    /// What is only handed on is none, unless it is used here too.
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !matches!(item.vis, Visibility::Inherited) {
            return;
        }
        leaves(&item.tree, &mut Vec::new(), &mut |path, _| self.note(path));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|name| name.ident.to_string());
        let names: Vec<_> = names.collect();
        if path.leading_colon.is_none() {
            match self.tree.names[self.module].get(&names[0]) {
                Some(path) => self.note(&path.clone()),
                None => self.note(&names),
            }
        }
        visit::visit_path(self, path);
    }
}

/// Each path of a `use`, and the name it gets.
fn leaves(tree: &UseTree, path: &mut Vec<String>, each: &mut impl FnMut(&[String], &str)) {
    let len = path.len();
    match tree {
        UseTree::Path(tree) => {
            path.push(tree.ident.to_string());
            leaves(&tree.tree, path, each);
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                leaves(tree, path, each);
            }
        }
        UseTree::Name(name) if name.ident == "self" => {
            let name = path.last().cloned().unwrap_or_default();
            each(path, &name);
        }
        UseTree::Name(name) => {
            path.push(name.ident.to_string());
            each(path, &name.ident.to_string());
        }
        UseTree::Rename(name) => {
            path.push(name.ident.to_string());
            each(path, &name.rename.to_string());
        }
        UseTree::Glob(_) => each(path, "*"),
    }
    path.truncate(len);
}

fn attributes(item: &Item) -> &[syn::Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crate of these modules: path and text.
    fn circles(modules: &[(&str, &str)]) -> Vec<String> {
        let modules = modules.iter().map(|(path, text)| Module {
            path: path
                .split("::")
                .filter(|name| !name.is_empty())
                .map(String::from)
                .collect(),
            file: (*path).into(),
            items: syn::parse_file(text).unwrap().items,
            lines: 0,
        });
        let circles = among(&modules.collect::<Vec<_>>());
        circles.iter().map(|circle| circle.join(" ")).collect()
    }

    const ROOT: (&str, &str) = ("", "pub use crate::a::A;\npub use crate::b::B;\n");

    #[test]
    fn modules_that_import_from_each_other_are_a_circle() {
        let [a, b] = [("a", "use crate::b::B;"), ("b", "use crate::a::A;")];
        assert_eq!(circles(&[ROOT, a, b]), ["a b"]);
        assert_eq!(circles(&[ROOT, a, ("b", "")]), [""; 0]);
        let [b, c] = [
            ("b", "use super::{a, c::C};"),
            ("c", "use crate::a::{self, A};"),
        ];
        assert_eq!(circles(&[ROOT, a, b, c]), ["a b c"]);
    }

    #[test]
    fn a_path_in_code_is_an_import_and_one_in_tests_is_none() {
        let a = ("a", "fn f() { crate::b::g(); }");
        assert_eq!(circles(&[ROOT, a, ("b", "type B = crate::a::A;")]), ["a b"]);
        let b = ("b", "#[cfg(test)]\nmod tests { use crate::a::A; }");
        assert_eq!(circles(&[ROOT, a, b]), [""; 0]);
    }

    #[test]
    fn a_name_that_is_handed_on_leads_to_the_module_that_has_it() {
        let [a, b] = [("a", "use crate::B;"), ("b", "use crate::A;")];
        assert_eq!(circles(&[ROOT, a, b]), ["a b"]);
        // The root only hands on, so what imports from it is in no circle with it.
        assert_eq!(circles(&[ROOT, a, ("b", "")]), [""; 0]);
    }

    #[test]
    fn a_part_may_use_the_whole_of_its_module() {
        let whole = ("a", "mod part;\nuse self::part::f;\nstruct A;");
        assert_eq!(
            circles(&[ROOT, whole, ("a::part", "use super::A;")]),
            [""; 0]
        );
        // But not through a module beside it.
        let [part, b] = [("a::part", "use crate::b::B;"), ("b", "use crate::a::A;")];
        assert_eq!(circles(&[ROOT, whole, part, b]), ["a a::part b"]);
    }

    #[test]
    fn a_module_without_a_file_belongs_to_the_one_around_it() {
        let a = (
            "a",
            "struct A;\nmod inner { use super::A; use super::super::b::B; }",
        );
        assert_eq!(circles(&[ROOT, a, ("b", "")]), [""; 0]);
        assert_eq!(circles(&[ROOT, a, ("b", "use crate::a::A;")]), ["a b"]);
    }

    #[test]
    fn known_circles_may_shrink_and_must_then_be_written_down() {
        let known: [&[&str]; 2] = [&["a", "b", "c"], &["d", "e"]];
        let judge = |found: &[&[&str]]| {
            let found = found.iter();
            let found: Vec<Vec<_>> = found
                .map(|circle| circle.iter().map(|file| String::from(*file)).collect())
                .collect();
            judge(&found, &known)
        };
        assert_eq!(judge(&known), [""; 0]);
        assert_eq!(
            judge(&[&["a", "b"], &["d", "e"]]),
            ["a b: less than is known of this circle"]
        );
        assert_eq!(
            judge(&[&["d", "e"]]),
            ["a b c: a circle no more, but known"]
        );
        assert_eq!(
            judge(&[&["a", "b", "c"], &["d", "e", "f"]]),
            [
                "d e f: a circle of imports",
                "d e: a circle no more, but known"
            ]
        );
    }
}
