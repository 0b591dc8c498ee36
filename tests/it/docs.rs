//! What READMEs name exists: files, folders and commands. And a README is read, so it is short.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::program::Folder;

const MOST_LINES: usize = 150;
/// Where our files are.
const FOLDERS: [&str; 7] = ["wit", "guest", "examples", "host", "tests", "docs", ".ci"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page people read, with its text.
fn pages() -> Vec<(PathBuf, String)> {
    let mut pages = vec![root().join("README.md")];
    for folder in FOLDERS {
        pages.push(root().join(folder).join("README.md"));
    }
    if let Ok(guides) = fs::read_dir(root().join("docs")) {
        pages.extend(
            guides.map(|guide| guide.unwrap().path()).filter(|path| path.extension().is_some_and(|is| is == "md")),
        );
    }
    pages.sort();
    pages.dedup();
    pages.into_iter().filter_map(|path| fs::read_to_string(&path).ok().map(|text| (path, text))).collect()
}

/// What stands between backticks, outside of fenced blocks.
fn quoted(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for block in text.split("```").step_by(2) {
        found.extend(block.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    found
}

/// The targets of links, without those to other sites and to places in the page.
fn links(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    let here =
        targets.filter(|target| !target.contains("://") && !target.starts_with('#') && !target.starts_with("mailto:"));
    here.map(|target| target.split('#').next().unwrap_or_default().to_owned()).collect()
}

/// Whether a word is meant as a path of this repository: it starts in one of its folders and leaves nothing open.
fn is_path(word: &str) -> bool {
    let plain = word.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-/".contains(letter));
    plain && word.split_once('/').is_some_and(|(first, _)| FOLDERS.contains(&first))
}

#[test]
fn paths_that_are_named_exist() {
    let mut missing = Vec::new();
    for (page, text) in pages() {
        let folder = page.parent().unwrap();
        for word in quoted(&text).iter().filter(|word| is_path(word)) {
            if !root().join(word).exists() && !folder.join(word).exists() {
                missing.push(format!("{}: `{word}`", page.display()));
            }
        }
        for link in links(&text) {
            if !folder.join(&link).exists() {
                missing.push(format!("{}: ({link})", page.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn readmes_are_short() {
    for (page, text) in pages().iter().filter(|(page, _)| page.ends_with("README.md")) {
        let lines = text.lines().count();
        assert!(lines <= MOST_LINES, "{}: {lines} lines", page.display());
    }
}

/// The commands that `--help` lists.
fn commands(folder: &Folder, of: &[&str]) -> Vec<String> {
    let help = folder.run(&[of, &["--help"]].concat()).ended(0).out;
    let Some((_, list)) = help.split_once("Commands:\n") else { return Vec::new() };
    let list = list.lines().take_while(|line| !line.is_empty());
    list.filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// `convey X Y` as pages write it: at the start of quoted words, of a line of a fenced block, or behind a pipe.
fn written(text: &str) -> Vec<String> {
    let mut found: Vec<String> = quoted(text);
    for block in text.split("```").skip(1).step_by(2) {
        found.extend(
            block.lines().flat_map(|line| line.split('|')).map(|part| part.trim().trim_start_matches("$ ").to_owned()),
        );
    }
    let asked = |line: String| {
        let (program, rest) = line.split_once(' ')?;
        let run = program == "convey" || program.ends_with("/convey");
        let through_cargo = program == "cargo" && rest.starts_with("run");
        if run {
            Some(rest.to_owned())
        } else if through_cargo {
            rest.split_once("-- ").map(|(_, rest)| rest.to_owned())
        } else {
            None
        }
    };
    found.into_iter().filter_map(asked).collect()
}

#[test]
fn commands_that_are_named_exist() {
    let folder = Folder::new();
    let mut known: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for command in commands(&folder, &[]) {
        let below = if command == "help" { Vec::new() } else { commands(&folder, &[&command]) };
        known.insert(command, below);
    }
    assert!(known["mapper"].contains(&"swap".to_owned()), "{known:?}");
    let mut unknown = Vec::new();
    for (page, text) in pages() {
        for line in written(&text) {
            let mut words = line.split_whitespace();
            let Some(command) = words.next().filter(|word| word.starts_with(|first: char| first.is_ascii_lowercase()))
            else {
                continue;
            };
            let below = known.get(command);
            let second = words.next().filter(|word| word.bytes().all(|letter| letter.is_ascii_lowercase()));
            let exists = below.is_some_and(|below| {
                below.is_empty() || second.is_none_or(|second| below.iter().any(|known| known == second))
            });
            // `mapper test|swap` names several at once.
            let several = command.contains('|');
            if !exists && !several {
                unknown.push(format!("{}: convey {line}", page.display()));
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn what_a_page_names_is_found() {
    let text = "See `host/lib.rs`, `application/json` and [the guide](docs/x.md#top), not [this](https://a.b/c).\n```\n$ convey run --once\ncat x | convey translate\n```\nOr `cargo run --release -- demo`.";
    let paths: Vec<String> = quoted(text).into_iter().filter(|word| is_path(word)).collect();
    assert_eq!(paths, ["host/lib.rs"]);
    assert_eq!(links(text), ["docs/x.md"]);
    assert_eq!(written(text), ["demo", "run --once", "translate"]);
}
