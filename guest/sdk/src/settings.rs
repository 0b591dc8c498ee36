//! Settings of a mapper that has none.

use crate::types::Problem;

/// For a mapper without settings: nothing but blanks is taken, so that settings meant for another mapper are not silently ignored.
///
/// # Errors
/// The first line that says something.
pub fn no_settings(settings: &str) -> Result<(), Vec<Problem>> {
    let Some((index, line)) = settings.lines().enumerate().find(|(_, line)| !line.trim().is_empty()) else {
        return Ok(());
    };
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Err(vec![Problem {
        line: number(index + 1),
        column: 1,
        length: number(line.chars().count()),
        message: "this mapper takes no settings".to_owned(),
        hint: Some("give it an empty file: `--settings /dev/null`".to_owned()),
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_nobody_reads_are_a_mistake() {
        assert!(no_settings("").is_ok() && no_settings(" \n\t\n").is_ok());
        let problem = no_settings("\n[events]\n").expect_err("a line too many").remove(0);
        assert_eq!((problem.line, problem.column, problem.length), (2, 1, 8));
    }
}
