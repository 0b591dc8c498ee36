//! Did you mean: the known word nearest to a mistyped one.

/// The candidate within reach of `word`: a third of its letters may differ, at least one, a swap of neighbours counting as one.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let reach = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= reach)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment distance, letters compared without case.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.to_lowercase().chars().collect();
    let right: Vec<char> = right.to_lowercase().chars().collect();
    let mut rows = vec![vec![0; right.len() + 1]; left.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=left.len() {
        for j in 1..=right.len() {
            let differs = usize::from(left[i - 1] != right[j - 1]);
            let mut least = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + differs);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_word_within_reach() {
        let known = ["listen", "max_body_bytes", "replay_window_hours"];
        assert_eq!(nearest("lisen", known), Some("listen"));
        assert_eq!(nearest("litsen", known), Some("listen"));
        assert_eq!(nearest("Max_Body_Byte", known), Some("max_body_bytes"));
        assert_eq!(nearest("port", known), None);
        assert_eq!(nearest("", known), None);
    }

    #[test]
    fn a_tie_goes_to_the_first_in_the_alphabet() {
        assert_eq!(nearest("mata", ["meta", "data"]), Some("data"));
    }
}
