//! `convey mapping new`: a template's files, to be made one's own.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::builtin::{TEMPLATES, Text};
use crate::cli::Context;
use crate::cli::output::{Exit, table};
use crate::config::nearest;

#[derive(Args)]
pub(super) struct New {
    /// The template to begin with
    #[arg(long, value_name = "NAME", required_unless_present = "list")]
    template: Option<String>,
    /// The folder to write to; the template's name when left out
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// List the templates
    #[arg(long, conflicts_with_all = ["template", "out"])]
    list: bool,
}

/// A mapping to start from.
#[derive(Debug, PartialEq, Serialize)]
struct Template {
    name: &'static str,
    /// Its first sentence.
    about: String,
    /// Its files, as they stand in its folder.
    files: BTreeMap<&'static str, &'static str>,
}

impl New {
    pub(super) fn run(self, context: &Context) -> Result<(), Exit> {
        let templates = templates(TEMPLATES);
        if self.list {
            let value: Vec<_> = templates
                .iter()
                .map(|known| json!({"name": known.name, "about": known.about, "files": known.files.keys().collect::<Vec<_>>()}))
                .collect();
            return context.print(&value, || {
                table(
                    &templates.iter().map(|known| vec![known.name.to_owned(), known.about.clone()]).collect::<Vec<_>>(),
                )
            });
        }
        let wanted = self.template.unwrap_or_default();
        let template = templates.iter().find(|known| known.name == wanted);
        let template = template.ok_or_else(|| Exit::Asked(unknown(&wanted, &templates)))?;
        let folder = self.out.unwrap_or_else(|| PathBuf::from(template.name));
        let written = write(&folder, template)?;
        let mapping = written.iter().find(|path| path.extension().is_some_and(|extension| extension == "toml"));
        context.print(&json!({"template": template.name, "written": written}), || {
            let names: String = written.iter().map(|path| format!("{}\n", path.display())).collect();
            format!("{names}{}", mapping.map(|mapping| next(mapping)).unwrap_or_default())
        })
    }
}

fn next(mapping: &Path) -> String {
    let mapping = mapping.display();
    format!(
        "\nMake it yours, then:\n  convey mapping check {mapping}\n  convey mapping preview --settings {mapping}\n  \
         convey mapper swap --settings {mapping}\n\nWithout a configuration, `preview --sandbox` shows it on invented people."
    )
}

fn unknown(wanted: &str, templates: &[Template]) -> String {
    let names: Vec<&str> = templates.iter().map(|known| known.name).collect();
    match nearest(wanted, names.iter().copied()) {
        Some(near) => format!("no template is called `{wanted}`: did you mean `{near}`?"),
        None => format!("no template is called `{wanted}`: there are {}", names.join(", ")),
    }
}

/// The folders among `texts`. What stands beside them belongs to each.
fn templates(texts: &[Text]) -> Vec<Template> {
    let mut folders: BTreeMap<&'static str, BTreeMap<&'static str, &'static str>> = BTreeMap::new();
    for text in texts {
        if let Some((folder, path)) = text.path.split_once('/') {
            folders.entry(folder).or_default().insert(path, text.text);
        }
    }
    let beside = || texts.iter().filter(|text| !text.path.contains('/'));
    let template = |(name, mut files): (&'static str, BTreeMap<&'static str, &'static str>)| {
        for text in beside() {
            files.entry(text.path).or_insert(text.text);
        }
        Template { name, about: about(&files), files }
    };
    folders.into_iter().map(template).collect()
}

/// What a template says of itself: its page's first sentence, else its mapping's first comment.
fn about(files: &BTreeMap<&'static str, &'static str>) -> String {
    let page = files
        .get("README.md")
        .and_then(|text| text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')));
    let comment = || {
        let mapping = files.iter().find(|(path, _)| path.ends_with(".toml"))?;
        let mut comments = mapping.1.lines().filter_map(|line| line.strip_prefix("# "));
        comments.find(|line| !line.trim().is_empty())
    };
    page.or_else(comment).unwrap_or_default().trim().to_owned()
}

/// Writes all files or none: one that is there already is nobody's to overwrite.
fn write(folder: &Path, template: &Template) -> Result<Vec<PathBuf>, Exit> {
    let paths: Vec<PathBuf> = template.files.keys().map(|path| folder.join(path)).collect();
    if let Some(there) = paths.iter().find(|path| path.exists()) {
        return Err(Exit::Asked(format!("{} is there already: write elsewhere with --out DIR", there.display())));
    }
    for (path, text) in paths.iter().zip(template.files.values()) {
        let failed = || format!("cannot write {}", path.display());
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(failed)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).open(path).with_context(failed)?;
        file.write_all(text.as_bytes()).with_context(failed)?;
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::{Text, templates, unknown};

    const TEXTS: &[Text] = &[
        Text { path: "mapping.schema.json", text: "{}" },
        Text { path: "first/README.md", text: "# first\n\nFor those who begin.\n" },
        Text { path: "first/mapping.toml", text: "[events]\n" },
        Text { path: "first/cases/one.json", text: "{}" },
        Text { path: "second/mapping.toml", text: "#:schema mapping.schema.json\n# For the others.\n" },
        Text { path: "second/mapping.schema.json", text: "{\"own\":1}" },
    ];

    #[test]
    fn a_template_is_a_folder_with_what_stands_beside_all_of_them() {
        let templates = templates(TEXTS);
        let names: Vec<(&str, &str)> = templates.iter().map(|known| (known.name, known.about.as_str())).collect();
        assert_eq!(names, [("first", "For those who begin."), ("second", "For the others.")]);
        let files: Vec<&&str> = templates[0].files.keys().collect();
        assert_eq!(files, [&"README.md", &"cases/one.json", &"mapping.schema.json", &"mapping.toml"]);
        assert_eq!(templates[1].files["mapping.schema.json"], "{\"own\":1}", "its own goes before the common one");
        assert_eq!(unknown("frist", &templates), "no template is called `frist`: did you mean `first`?");
        assert_eq!(unknown("zzz", &templates), "no template is called `zzz`: there are first, second");
    }
}
