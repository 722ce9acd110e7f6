//! Who may import whom: the table on the crate's page, held to the code, and no circles of files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Module path (`host::netif`) by file, and what each file's code names of the crate.
struct Source {
    files: BTreeMap<String, PathBuf>,
    /// From module to module, without those of tests.
    edges: BTreeSet<(String, String)>,
}

impl Source {
    fn read() -> Source {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = BTreeMap::new();
        collect(&root, &root, &mut files);
        let mut edges = BTreeSet::new();
        for (module, path) in &files {
            let code = code_of(&fs::read_to_string(path).unwrap());
            for named in named_paths(&code, module) {
                let mut target = named.as_slice();
                while !target.is_empty() && !files.contains_key(&target.join("::")) {
                    target = &target[..target.len() - 1];
                }
                let target = target.join("::");
                if !target.is_empty() && target != *module {
                    edges.insert((module.clone(), target));
                }
            }
        }
        Source { files, edges }
    }

    /// The rooms that each room imports.
    fn rooms(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let room = |module: &'_ str| module.split("::").next().unwrap_or_default().len();
        let mut rooms: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for module in self.files.keys() {
            rooms.entry(&module[..room(module)]).or_default();
        }
        for (from, to) in &self.edges {
            let (from, to) = (&from[..room(from)], &to[..room(to)]);
            if from != to {
                rooms.entry(from).or_default().insert(to);
            }
        }
        rooms
    }

    /// Files that import each other in a circle. What a part takes from the whole that it is a part of does not count:
    /// `netif::trust` may use `netif`'s types.
    fn circles(&self) -> Vec<BTreeSet<&str>> {
        let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (from, to) in &self.edges {
            if !from.starts_with(&format!("{to}::")) {
                next.entry(from).or_default().push(to);
            }
        }
        let reach: BTreeMap<&str, BTreeSet<&str>> = self
            .files
            .keys()
            .map(|from| (from.as_str(), reachable(from, &next)))
            .collect();
        let mut circles = Vec::new();
        let mut seen = BTreeSet::new();
        for (from, far) in &reach {
            if far.contains(from) && !seen.contains(from) {
                let circle: BTreeSet<&str> = far
                    .iter()
                    .filter(|to| reach[*to].contains(from))
                    .copied()
                    .collect();
                seen.extend(circle.iter().copied());
                circles.push(circle);
            }
        }
        circles
    }
}

fn reachable<'a>(from: &str, next: &BTreeMap<&str, Vec<&'a str>>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = next.get(from).cloned().unwrap_or_default();
    while let Some(module) = open.pop() {
        if found.insert(module) {
            open.extend(next.get(module).into_iter().flatten());
        }
    }
    found
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
            continue;
        }
        let relative = path.strip_prefix(root).unwrap().with_extension("");
        let mut parts: Vec<&str> = relative.iter().map(|part| part.to_str().unwrap()).collect();
        // The programs, and the list of the rooms, are nobody's to import.
        if parts[0] == "bin" || parts[0] == "main" || parts[0] == "lib" || parts.contains(&"tests")
        {
            continue;
        }
        if parts.last() == Some(&"mod") {
            parts.pop();
        }
        // The floors are to find one's way by; each room has its short path.
        if ["core", "faces", "shell", "tools"].contains(&parts[0]) {
            parts.remove(0);
        }
        if parts.is_empty() {
            continue;
        }
        files.insert(parts.join("::"), path);
    }
}

/// Without comments, and without what is for tests alone.
fn code_of(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text);
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    text.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

/// All paths of this crate that are named, in `use` or in passing, from the crate's root.
fn named_paths(code: &str, module: &str) -> Vec<Vec<String>> {
    let here: Vec<String> = module.split("::").map(str::to_owned).collect();
    let mut found = Vec::new();
    for word in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(word) {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            if before.is_alphanumeric() || before == '_' || before == ':' || before == '$' {
                continue;
            }
            let base = match word {
                "crate::" => Vec::new(),
                "super::" => here[..here.len() - 1].to_vec(),
                _ => here.clone(),
            };
            expand(&code[at + word.len()..], base, &mut found);
        }
    }
    found
}

/// The paths of `a::{b, c::d}` after a base; returns what follows them.
fn expand<'a>(text: &'a str, mut base: Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let mut rest = text.trim_start();
    loop {
        if let Some(mut inner) = rest.strip_prefix('{') {
            loop {
                inner = expand(inner, base.clone(), found).trim_start();
                match inner.strip_prefix(',') {
                    Some(after) => inner = after,
                    None => return inner.strip_prefix('}').unwrap_or(inner),
                }
                if let Some(after) = inner.trim_start().strip_prefix('}') {
                    return after;
                }
            }
        }
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '*';
        let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
        match &rest[..end] {
            "super" => drop(base.pop()),
            "self" => {}
            word => base.push(word.to_owned()),
        }
        rest = &rest[end..];
        match rest.strip_prefix("::") {
            Some(after) => rest = after,
            None => {
                found.push(base);
                let name = rest.trim_start().strip_prefix("as ");
                return name.map_or(rest, |name| name.trim_start_matches(is_word));
            }
        }
    }
}

/// The table of the crate's page: `| room | may import |`.
fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let table = page.split("//! # Who may import whom").nth(1).unwrap();
    let rows = table
        .lines()
        .skip_while(|line| !line.starts_with("//! | ---"));
    rows.skip(1)
        .map_while(|line| line.strip_prefix("//! | "))
        .flat_map(|row| {
            let (rooms, imports) = row.split_once('|').unwrap();
            let imports = names(imports);
            names(rooms)
                .into_iter()
                .map(move |room| (room, imports.clone()))
        })
        .collect()
}

fn names(cell: &str) -> BTreeSet<String> {
    let odd = cell.split('`').skip(1).step_by(2);
    odd.map(str::to_owned).collect()
}

#[test]
fn each_room_imports_what_the_page_says() {
    let source = Source::read();
    let allowed = allowed();
    let mut wrong = Vec::new();
    for (room, imports) in source.rooms() {
        let Some(may) = allowed.get(room) else {
            wrong.push(format!("{room} has no row: it imports {imports:?}"));
            continue;
        };
        for import in &imports {
            if !may.contains(*import) {
                let from = source.edges.iter().filter(|(from, to)| {
                    from.split("::").next() == Some(room) && to.split("::").next() == Some(import)
                });
                let files: Vec<&str> = from.map(|(from, _)| from.as_str()).collect();
                wrong.push(format!("{room} may not import {import}: {files:?}"));
            }
        }
        for unused in may.iter().filter(|may| !imports.contains(may.as_str())) {
            wrong.push(format!(
                "{room} does not import {unused} any more: take it from the row"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "src/lib.rs, \"Who may import whom\":\n{}",
        wrong.join("\n")
    );
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    assert_eq!(
        Source::read().circles(),
        Vec::<BTreeSet<&str>>::new(),
        "what both need goes to a place of its own, or one of them hands up what it wants"
    );
}

/// What lies on a lower floor owns its state and is tested alone: it may not know the whole that routes between them.
#[test]
fn floors_know_nothing_of_what_is_above_them() {
    let source = Source::read();
    let mut wrong = Vec::new();
    let mut held = 0;
    for (whole, floors) in FLOORS {
        for (from, to) in &source.edges {
            let on = |module: &str, floor: &str| {
                let path = format!("{whole}::{floor}");
                module == path || module.starts_with(&format!("{path}::"))
            };
            let Some(level) = floors.iter().position(|floor| on(from, floor)) else {
                continue;
            };
            held += 1;
            let in_whole = to == whole || to.starts_with(&format!("{whole}::"));
            if in_whole && !floors[..=level].iter().any(|floor| on(to, floor)) {
                wrong.push(format!("{from} may not import {to}"));
            }
        }
    }
    assert!(held > 0, "{FLOORS:?} are no floors");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The core needs nobody, and a face the core.
#[test]
fn no_folder_imports_what_is_above_it() {
    let source = Source::read();
    let folder = |module: &str| {
        let room = module.split("::").next().unwrap();
        let path = &source.files[room];
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let relative = path.strip_prefix(root).unwrap().iter().next().unwrap();
        relative.to_str().unwrap().to_owned()
    };
    let mut wrong = Vec::new();
    for (from, to) in &source.edges {
        let (here, there) = (folder(from), folder(to));
        let may = FOLDERS.iter().find(|(folder, _)| *folder == here);
        let may = may.expect("a folder of FOLDERS").1;
        if here != there && !may.contains(&there.as_str()) {
            wrong.push(format!("{from} ({here}) may not import {to} ({there})"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A reader of imports that finds none would hold nothing.
#[test]
fn paths_are_read() {
    let code =
        "use super::{a::B, c};\nuse crate::x::{self, y::{Z, W as V}, u};\nlet a = crate::q::r();";
    let mut paths: Vec<String> = named_paths(code, "m::n")
        .iter()
        .map(|path| path.join("::"))
        .collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        ["m::a::B", "m::c", "q::r", "x", "x::u", "x::y::W", "x::y::Z"]
    );
}

/// A whole, and what lies below it, the lowest first.
const FLOORS: &[(&str, &[&str])] = &[("sim::ncp", &["spinel", "thread"])];

/// The folders of `src`, and which others each may import.
const FOLDERS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("faces", &["core"]),
    ("host", &["core", "faces"]),
    ("shell", &["core", "faces", "host", "tools"]),
    ("tools", &["core", "faces", "shell"]),
];
