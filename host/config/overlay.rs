//! Overlays: what a connection lays over its mapper's settings, so that one mapping serves locations that differ. Text in, text out: the host
//! knows no key of a mapper's settings.

use toml_edit::{DocumentMut, Item, TableLike, Value};

use super::nearest::nearest;

/// What is laid over a mapper's settings: TOML text that is not empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Overlay(String);

/// Why nothing can be laid over some settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", .hint.as_ref().map(|hint| format!("\n  help: {hint}")).unwrap_or_default())]
pub struct Unlaid {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// By what an entry of a list of tables is known.
const NAME: &str = "name";

impl Overlay {
    /// Takes an overlay's text; none where it holds nothing.
    ///
    /// # Errors
    /// If it is not TOML.
    pub fn read(text: String) -> Result<Option<Self>, Unlaid> {
        let document = parsed(&text, "what is laid over the settings")?;
        Ok((!document.is_empty()).then_some(Self(text)))
    }

    /// These settings with the overlay laid over them: its tables go into theirs key by key, its lists of tables by `name`, and any other value takes the
    /// place of theirs. What it does not name stays, with every comment.
    ///
    /// # Errors
    /// If the settings are not TOML, or lack the entry of a list that is named.
    pub fn over(&self, settings: &str) -> Result<String, Unlaid> {
        let mut merged = parsed(settings, "the mapper's settings")?;
        let overlay = parsed(&self.0, "what is laid over the settings")?;
        lay(merged.as_table_mut(), overlay.as_table(), "")?;
        Ok(merged.to_string())
    }
}

fn parsed(text: &str, what: &str) -> Result<DocumentMut, Unlaid> {
    text.parse().map_err(|error: toml_edit::TomlError| Unlaid {
        message: format!("{what}: this is not TOML: {}", error.message()),
        hint: None,
    })
}

fn lay(under: &mut dyn TableLike, over: &dyn TableLike, path: &str) -> Result<(), Unlaid> {
    for (key, item) in over.iter() {
        let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        match under.get_mut(key) {
            None => drop(under.insert(key, Item::Value(inline(item, None)))),
            Some(there) => lay_item(there, item, &path)?,
        }
    }
    Ok(())
}

fn lay_item(there: &mut Item, item: &Item, path: &str) -> Result<(), Unlaid> {
    if let (Some(under), Some(over)) = (there.as_table_like_mut(), item.as_table_like()) {
        return lay(under, over, path);
    }
    if let (Some(mut under), Some(over)) = (entries_mut(there), entries(item)) {
        return over.into_iter().try_for_each(|entry| lay_entry(&mut under, entry, path));
    }
    let decor = there.as_value().map(|value| value.decor().clone());
    *there = Item::Value(inline(item, decor));
    Ok(())
}

/// Lays an entry of a list over the one of its name.
fn lay_entry(under: &mut [&mut dyn TableLike], over: &dyn TableLike, path: &str) -> Result<(), Unlaid> {
    let Some(name) = name_of(over) else {
        return Err(Unlaid {
            message: format!("an entry of `{path}` has no `{NAME}`, which says over which entry it is laid"),
            hint: Some(format!("add the line:\n{NAME} = \"…\"")),
        });
    };
    if let Some(there) = under.iter_mut().find(|entry| name_of(&***entry) == Some(name)) {
        return lay(&mut **there, over, &format!("{path}.{name}"));
    }
    let known: Vec<&str> = under.iter().filter_map(|entry| name_of(&**entry)).collect();
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("there is: {}", known.join(", ")),
    };
    Err(Unlaid { message: format!("the settings have no `{path}` called \"{name}\""), hint: Some(hint) })
}

fn name_of(table: &dyn TableLike) -> Option<&str> {
    table.get(NAME)?.as_str()
}

/// The tables of a list that holds nothing else and is not empty.
fn entries(item: &Item) -> Option<Vec<&dyn TableLike>> {
    let tables: Vec<&dyn TableLike> = match item {
        Item::ArrayOfTables(list) => list.iter().map(|table| table as &dyn TableLike).collect(),
        Item::Value(Value::Array(list)) => {
            list.iter().map(|value| Some(value.as_inline_table()? as &dyn TableLike)).collect::<Option<_>>()?
        }
        _ => return None,
    };
    (!tables.is_empty()).then_some(tables)
}

fn entries_mut(item: &mut Item) -> Option<Vec<&mut dyn TableLike>> {
    let tables: Vec<&mut dyn TableLike> = match item {
        Item::ArrayOfTables(list) => list.iter_mut().map(|table| table as &mut dyn TableLike).collect(),
        Item::Value(Value::Array(list)) => list
            .iter_mut()
            .map(|value| Some(value.as_inline_table_mut()? as &mut dyn TableLike))
            .collect::<Option<_>>()?,
        _ => return None,
    };
    (!tables.is_empty()).then_some(tables)
}

/// A value on its own line: a table that came with a header of its own would stand in another place.
fn inline(item: &Item, decor: Option<toml_edit::Decor>) -> Value {
    let mut value = item.clone().into_value().unwrap_or_else(|_| Value::from(""));
    match decor {
        Some(decor) => *value.decor_mut() = decor,
        None => value.decor_mut().clear(),
    }
    value
}

#[cfg(test)]
mod tests {
    use super::Overlay;

    const SETTINGS: &str = "\
# ours
currency = \"USD\" # everywhere

[audiences]
vip = \"111\"
old = \"222\"

[[rule]]
name = \"lead\"
on = [\"contact-created\"]
event = { name = \"Lead\", data = { tier = \"gold\" } }

# the big ones
[[rule]]
name = \"won\"
on = [\"opportunity-won\"]
[rule.event]
name = \"Purchase\"
";

    fn over(overlay: &str) -> Result<String, super::Unlaid> {
        Overlay::read(overlay.to_owned()).expect("TOML").expect("something").over(SETTINGS)
    }

    #[test]
    fn tables_are_laid_key_by_key_and_lists_by_name_and_the_rest_stays() {
        let overlay = "currency = \"EUR\"\ncountry = \"DE\"\n[audiences]\nvip = \"333\"\n\
                       [[rule]]\nname = \"won\"\nwhen = 'opportunity.pipeline == \"Verkauf\"'\n[rule.event]\nvalue = \"{value}\"\n\
                       [[rule]]\nname = \"lead\"\n[rule.event.data]\ntier = \"{contact.fields.stufe}\"\n";
        let merged = over(overlay).expect("it fits");
        let wanted = SETTINGS
            .replace("\"USD\" # every", "\"EUR\" # every")
            .replace("where\n\n[aud", "where\ncountry = \"DE\"\n\n[aud")
            .replace("\"111\"", "\"333\"")
            .replace("\"gold\"", "\"{contact.fields.stufe}\"")
            .replace("[\"opportunity-won\"]\n", "[\"opportunity-won\"]\nwhen = 'opportunity.pipeline == \"Verkauf\"'\n")
            .replace("\"Purchase\"\n", "\"Purchase\"\nvalue = \"{value}\"\n");
        assert_eq!(merged, wanted);
        let value: toml::Table = merged.parse().expect("TOML");
        assert_eq!(value["rule"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn an_entry_nobody_has_is_refused_with_the_nearest() {
        let wrong = over("[[rule]]\nname = \"wno\"\nwhen = \"true\"\n").expect_err("none is called so");
        assert_eq!(
            (wrong.message.as_str(), wrong.hint.as_deref()),
            ("the settings have no `rule` called \"wno\"", Some("did you mean \"won\"?"))
        );
        let wrong = over("[[rule]]\nwhen = \"true\"\n").expect_err("it has no name");
        assert!(wrong.message.contains("has no `name`"), "{wrong}");
        let words = Overlay::read("currency = \"EUR\"".to_owned()).expect("TOML").expect("something");
        assert!(words.over("trap always").is_err_and(|wrong| wrong.message.contains("not TOML")));
    }

    #[test]
    fn nothing_is_no_overlay() {
        assert_eq!(Overlay::read("  \n# nothing\n".to_owned()), Ok(None));
        assert!(Overlay::read("currency = ".to_owned()).is_err());
    }
}
