//! The house keeps its own rules: imports only go down, a file holds one concept, what is unsafe is listed, what is expected has a reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The floor of every module. A module may name those of lower floors, itself, and what stands in [`BESIDE`].
const FLOORS: [(&str, u8); 17] = [
    ("cli", 7),
    ("app", 6),
    ("ingress", 5),
    ("admin", 5),
    ("sandbox", 5),
    ("flow", 4),
    ("engine", 3),
    ("egress", 2),
    ("config", 1),
    ("store", 1),
    ("vault", 1),
    ("contract", 0),
    ("builtin", 0),
    ("clock", 0),
    ("blame", 0),
    ("crash", 0),
    ("metrics", 0),
];

/// Neighbours that may look at each other: what is asked and what is kept both name secrets.
const BESIDE: [(&str, &str); 2] = [("config", "vault"), ("store", "vault")];

const MOST_LINES: usize = 400;
const MEDIAN_LINES: usize = 150;

/// Rust files that may hold `unsafe`, each with its reason in an `#[expect]`.
const UNSAFE: [&str; 9] = [
    "guest/highlevel/src/bindings.rs",
    "guest/meta/src/bindings.rs",
    "guest/sdk/src/bindings.rs",
    "guest/sdk/src/export.rs",
    "guest/sdk/src/heap/pieces.rs",
    "guest/sdk/src/heap.rs",
    "host/engine/cache.rs",
    "tests/guests/mapper/src/bindings.rs",
    "tests/guests/sink/src/bindings.rs",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of ours, with its text.
fn files() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["host", "guest", "examples", "tests"] {
        below(&root().join(folder), &mut found);
    }
    found.push(root().join("build.rs"));
    found.sort();
    let named = |path: PathBuf| {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        (name, fs::read_to_string(path).unwrap())
    };
    found.into_iter().map(named).collect()
}

fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The lines that are code: not blank, no comment, not in the file's tests.
fn code(text: &str) -> Vec<&str> {
    let told = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    told.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).collect()
}

/// The modules of the crate that a file names: `crate::x::…`, `crate::{x, y::z}`.
fn named(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in joined(&code(text)) {
        for (at, _) in line.match_indices("crate::") {
            let after = &line[at + "crate::".len()..];
            match after.strip_prefix('{') {
                None => names.extend(word(after)),
                Some(list) => names.extend(firsts(list)),
            }
        }
    }
    names
}

/// The code with each `use` on a line of its own, however many it was written on.
fn joined(code: &[&str]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut open = false;
    for line in code {
        match lines.last_mut().filter(|_| open) {
            Some(last) => last.push_str(line),
            None => lines.push((*line).to_owned()),
        }
        let begun = open || line.starts_with("use ") || line.starts_with("pub use ");
        open = begun && !line.ends_with(';');
    }
    lines
}

fn word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect();
    (!word.is_empty()).then_some(word)
}

/// The first words of the entries of `a, b::c, d::{e, f}}`.
fn firsts(list: &str) -> Vec<String> {
    let (mut depth, mut entry, mut entries) = (0, String::new(), Vec::new());
    for letter in list.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => entries.push(std::mem::take(&mut entry)),
            other if depth == 0 => entry.push(other),
            _ => {}
        }
    }
    entries.push(entry);
    entries.iter().filter_map(|entry| word(entry.trim())).collect()
}

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

#[test]
fn imports_only_go_down() {
    let mut wrong = Vec::new();
    for (name, text) in files() {
        let Some(path) = name.strip_prefix("host/") else { continue };
        let module = path.split(['/', '.']).next().unwrap_or_default();
        if module == "lib" || module == "main" {
            continue;
        }
        let here = floor(module).unwrap_or_else(|| panic!("{name}: `{module}` has no floor"));
        for other in named(&text) {
            let there = floor(&other).unwrap_or_else(|| panic!("{name} names `{other}`, which has no floor"));
            let beside = BESIDE.contains(&(module, other.as_str()));
            if other != module && there >= here && !beside {
                wrong.push(format!("{name} (floor {here}) names crate::{other} (floor {there})"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_table_of_floors_is_the_one_people_read() {
    let lib = fs::read_to_string(root().join("host/lib.rs")).unwrap();
    for row in lib.lines().filter_map(|line| line.strip_prefix("//! | ")).skip(1) {
        let (level, modules) = row.split_once(" | ").unwrap();
        let Ok(level) = level.parse::<u8>() else { continue };
        let written: BTreeSet<&str> =
            modules.split('`').skip(1).step_by(2).filter(|module| *module != "main").collect();
        let known: BTreeSet<&str> = FLOORS.iter().filter(|(_, floor)| *floor == level).map(|(name, _)| *name).collect();
        assert_eq!(written, known, "floor {level}");
    }
    let modules =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect::<BTreeSet<_>>();
    assert_eq!(modules, FLOORS.iter().map(|(name, _)| *name).collect());
}

#[test]
fn what_names_a_module_is_found() {
    let text = "use crate::store::{A,\n    B};\nuse crate::{flow, engine::{X, Y}, vault};\nfn f() { crate::clock::now() }\n// crate::cli";
    let found: Vec<String> = named(text).into_iter().collect();
    assert_eq!(found, ["clock", "engine", "flow", "store", "vault"]);
}

#[test]
fn a_file_holds_one_concept() {
    let mut sizes: Vec<(usize, String)> = files().into_iter().map(|(name, text)| (code(&text).len(), name)).collect();
    sizes.sort();
    let long: Vec<_> = sizes.iter().filter(|(lines, _)| *lines > MOST_LINES).collect();
    assert!(long.is_empty(), "longer than {MOST_LINES} lines of code: {long:?}");
    let (median, name) = &sizes[sizes.len() / 2];
    assert!(*median <= MEDIAN_LINES, "the median file has {median} lines of code: {name}");
}

#[test]
fn a_file_is_called_after_what_it_holds() {
    let vague = ["util", "utils", "helper", "helpers", "common", "misc", "manager"];
    for (name, _) in files() {
        let parts = name.trim_end_matches(".rs").split('/');
        let bad: Vec<&str> = parts.filter(|part| vague.contains(part)).collect();
        assert!(bad.is_empty(), "{name}");
    }
}

#[test]
fn what_is_unsafe_is_listed() {
    let holds = |text: &str| code(text).iter().any(|line| line.contains("unsafe_code") || line.contains("unsafe {"));
    let this = file!().replace('\\', "/");
    let found: Vec<String> =
        files().into_iter().filter(|(name, text)| *name != this && holds(text)).map(|(name, _)| name).collect();
    assert_eq!(found, UNSAFE);
}

#[test]
fn what_is_expected_has_a_reason_and_nothing_is_left_undone() {
    // Put together here, so that this file does not find itself.
    let [todo, unimplemented, ignore, allow, expect] =
        [["todo", "!("], ["unimplemented", "!("], ["#[ign", "ore"], ["#[al", "low("], ["#[exp", "ect("]]
            .map(|parts| parts.concat());
    for (name, text) in files() {
        for line in joined_attributes(&text) {
            assert!(!line.contains(&todo) && !line.contains(&unimplemented), "{name}: {line}");
            assert!(!line.replace("#![", "#[").contains(&allow), "{name}: {line}");
            assert!(!line.contains(&ignore) || line.contains(&format!("{ignore} = \"")), "{name}: {line}");
            if line.replace("#![", "#[").contains(&expect) {
                assert!(line.contains("reason = \""), "{name}: {line}");
            }
        }
    }
}

/// Lines of code, with an attribute that goes over several lines on one.
fn joined_attributes(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        match lines.last_mut().filter(|_| open) {
            Some(last) => last.push_str(line),
            None => lines.push(line.to_owned()),
        }
        let begun = open || line.starts_with("#[") || line.starts_with("#![");
        open = begun && !line.ends_with(']');
    }
    lines
}
