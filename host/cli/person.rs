//! Asking the person at the terminal.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::bail;

use super::output::Exit;
use super::{Context, Format};

impl Context {
    /// Whether somebody is there to be asked.
    pub(super) fn has_person(&self) -> bool {
        self.format == Format::Text && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Goes on only where `said` (`--yes`) or a person at the terminal says so; the default is no.
    ///
    /// # Errors
    /// `Asked` where nobody can be asked, `Failed` where the answer is no.
    pub(super) fn agree(&self, question: &str, said: bool) -> Result<(), Exit> {
        if said {
            return Ok(());
        }
        if !self.has_person() {
            return Err(Exit::Asked(format!("{question} Nobody is here to be asked: --yes says that it is meant")));
        }
        match confirmed(question)? {
            true => Ok(()),
            false => Err(Exit::Failed(anyhow::anyhow!("nothing was done"))),
        }
    }
}

/// Asks a question that a yes answers; anything else is a no.
pub(super) fn confirmed(question: &str) -> anyhow::Result<bool> {
    eprint!("{question} [y/N] ");
    std::io::stderr().flush()?;
    Ok(is_yes(&line()?))
}

/// One line, without its end and the blanks around it.
pub(super) fn line() -> anyhow::Result<String> {
    let mut line = String::new();
    if std::io::stdin().lock().read_line(&mut line)? == 0 {
        bail!("the answers broke off");
    }
    Ok(line.trim().to_owned())
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::is_yes;

    #[test]
    fn only_a_yes_is_a_yes() {
        assert!(["y", "Y", "yes", "YES"].into_iter().all(is_yes));
        assert!(!["", "n", "no", "yep", "j", "1"].into_iter().any(is_yes));
    }
}
