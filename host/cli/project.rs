//! `convey mapper new`: a project to write a mapper in, copied from the examples that the tests build and swap.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::Context;
use super::output::Exit;
use crate::builtin::{EXAMPLES, SDK, Text, WIT};

/// What the examples are called; the project's name takes its place.
const EXAMPLE: &str = "vip-mapper";
/// How an example reaches what a project carries in [`VENDOR`].
const OUTSIDE: &str = "../../";
const VENDOR: &str = "vendor/";
/// Names that the project's own dependencies or the compiler have.
const TAKEN: [&str; 6] = ["alloc", "convey-sdk", "core", "proc-macro", "std", "test"];

#[derive(Args)]
pub(super) struct New {
    /// What the mapper is called: small letters, digits and single dashes
    #[arg(value_parser = name)]
    name: String,
    /// The language it is written in
    #[arg(long, value_enum)]
    lang: Language,
    /// The folder to write to, new or empty; a folder of that name, when it is left out
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    Rust,
    Js,
    Python,
}

/// A file of the project: where it stands in it, and its text.
type File = (String, String);

impl Language {
    /// The folder of its example.
    fn folder(self) -> &'static str {
        match self {
            Language::Rust => "rust/",
            Language::Js => "js/",
            Language::Python => "python/",
        }
    }

    /// What builds the project, in its folder.
    fn build(self) -> &'static str {
        match self {
            Language::Rust => "cargo build --release --target wasm32-unknown-unknown",
            Language::Js => "npm ci && npm run build",
            Language::Python => "sh build.sh",
        }
    }

    /// What the build leaves.
    fn built(self, name: &str) -> String {
        match self {
            Language::Rust => format!("target/wasm32-unknown-unknown/release/{}.wasm", name.replace('-', "_")),
            Language::Js | Language::Python => format!("{name}.wasm"),
        }
    }
}

impl New {
    pub(super) fn run(self, context: &Context) -> Result<(), Exit> {
        let folder = self.out.clone().unwrap_or_else(|| PathBuf::from(&self.name));
        if fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) || folder.is_file() {
            let text = format!(
                "{} is there and not empty, and nothing is overwritten: name another with --out DIR",
                folder.display()
            );
            return Err(Exit::Asked(text));
        }
        let files = project(&self.name, self.lang);
        for (path, text) in &files {
            write(&folder.join(path), text)?;
        }
        let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        let next = self.next(&folder);
        let value = json!({"project": folder, "files": paths, "next": next});
        context.print(&value, || format!("{} is written. Next:\n\n{}", folder.display(), next.join("\n")))
    }

    /// What builds it, tries it and makes it live, from where the project was asked for.
    fn next(&self, folder: &Path) -> [String; 3] {
        let quoted = |path: &Path| quoted(&path.display().to_string());
        let (built, cases) = (quoted(&folder.join(self.lang.built(&self.name))), quoted(&folder.join("cases")));
        [
            format!("(cd {} && {})", quoted(folder), self.lang.build()),
            format!("convey mapper test --mapper {built} --cases {cases}"),
            format!("convey mapper swap --mapper {built} --cases {cases}"),
        ]
    }
}

/// Every file of a new project.
fn project(name: &str, lang: Language) -> Vec<File> {
    let of_language = EXAMPLES.iter().filter_map(|file| Some((file.path.strip_prefix(lang.folder())?, file.text)));
    let cases = EXAMPLES.iter().filter(|file| file.path.starts_with("cases/")).map(|file| (file.path, file.text));
    let renamed = |text: &str| {
        let text = text.replace(EXAMPLE, name).replace(&EXAMPLE.replace('-', "_"), &name.replace('-', "_"));
        text.replace(OUTSIDE, VENDOR)
    };
    let mut files: Vec<File> = of_language.chain(cases).map(|(path, text)| (path.to_owned(), renamed(text))).collect();
    let mut carry = |from: &str, texts: &[Text]| {
        files.extend(texts.iter().map(|file| (format!("{VENDOR}{from}/{}", file.path), file.text.to_owned())));
    };
    carry("wit", WIT);
    if lang == Language::Rust {
        carry("guest/sdk", SDK);
    }
    files
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// A name that is one for cargo, npm and files alike.
fn name(written: &str) -> Result<String, String> {
    let word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let formed = written.starts_with(|first: char| first.is_ascii_lowercase()) && written.split('-').all(word);
    match (formed && written.len() <= 64, TAKEN.contains(&written)) {
        (true, false) => Ok(written.to_owned()),
        (true, true) => Err("that name is taken: choose another, `my-mapper` say".to_owned()),
        (false, _) => Err("write it in small letters, digits and single dashes, as in my-mapper".to_owned()),
    }
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let plain = path.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-+".contains(letter));
    if plain { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_carries_what_it_needs_and_its_own_name() {
        for lang in [Language::Rust, Language::Js, Language::Python] {
            let files = project("gold-leads", lang);
            let has = |path: &str| files.iter().any(|(name, _)| name == path);
            assert!(has("vendor/wit/mapper.wit") && has(".gitignore"), "{files:?}");
            assert!(files.iter().any(|(path, _)| path.starts_with("cases/")));
            assert_eq!(has("vendor/guest/sdk/src/lib.rs"), lang == Language::Rust);
            let own = files.iter().filter(|(path, _)| !path.starts_with(VENDOR));
            for (path, text) in own {
                let foreign = [EXAMPLE, "vip_mapper", OUTSIDE].into_iter().find(|word| text.contains(word));
                assert_eq!(foreign, None, "{path}");
            }
            assert!(files.iter().any(|(_, text)| text.contains("gold-leads")));
        }
    }

    #[test]
    fn a_name_is_one_everywhere() {
        for good in ["a", "my-mapper", "gold-leads-2"] {
            assert_eq!(name(good).as_deref(), Ok(good));
        }
        for bad in ["", "My", "2nd", "-a", "a--b", "a-", "a_b", "../x", "convey-sdk", "std", "ä"] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn paths_are_quoted_where_a_shell_would_take_them_apart() {
        assert_eq!(quoted("/tmp/my-mapper"), "/tmp/my-mapper");
        assert_eq!(quoted("it's here"), r"'it'\''s here'");
    }
}
