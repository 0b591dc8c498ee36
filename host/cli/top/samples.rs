//! One scrape, read: samples by name and labels (OpenMetrics 1.0, section 4).

use std::collections::{BTreeMap, BTreeSet};

/// The samples of one scrape.
#[derive(Default)]
pub(super) struct Samples(BTreeMap<String, Vec<Sample>>);

struct Sample {
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Samples {
    /// Reads what a running convey tells. A line that is no sample is left out.
    pub(super) fn read(text: &str) -> Self {
        let mut all = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((place, value)) = line.rsplit_once(' ') else { continue };
            let Ok(value) = value.parse() else { continue };
            let (name, labels) = place.split_once('{').unwrap_or((place, ""));
            let labels = labelled(labels.trim_end_matches('}'));
            all.0.entry(name.to_owned()).or_default().push(Sample { labels, value });
        }
        all
    }

    fn of<'a>(&'a self, name: &str, labels: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = &'a Sample> {
        let has = |sample: &&Sample| {
            labels.iter().all(|(key, value)| sample.labels.get(*key).is_some_and(|there| there == value))
        };
        self.0.get(name).into_iter().flatten().filter(has)
    }

    /// The sum of a name's samples that have these labels.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.of(name, labels).map(|sample| sample.value).sum()
    }

    /// Whether there is such a sample.
    pub(super) fn has(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        self.of(name, labels).next().is_some()
    }

    /// The values that a label of a name has.
    pub(super) fn values(&self, name: &str, label: &str) -> BTreeSet<String> {
        self.of(name, &[]).filter_map(|sample| sample.labels.get(label).cloned()).collect()
    }

    /// The quantile of what a histogram took in since `before`, within its bucket by proportion; none where it took in nothing.
    pub(super) fn quantile_since(&self, before: &Self, name: &str, labels: &[(&str, &str)], part: f64) -> Option<f64> {
        let bucket = format!("{name}_bucket");
        let mut bounds: Vec<(f64, f64)> = Vec::new();
        for le in self.values(&bucket, "le") {
            let labels: Vec<(&str, &str)> = labels.iter().copied().chain([("le", le.as_str())]).collect();
            let bound = if le == "+Inf" { f64::INFINITY } else { le.parse().ok()? };
            bounds.push((bound, self.sum(&bucket, &labels) - before.sum(&bucket, &labels)));
        }
        bounds.sort_by(|one, other| one.0.total_cmp(&other.0));
        let all = bounds.last().map(|(_, count)| *count).filter(|count| *count > 0.0)?;
        let wanted = all * part;
        let (mut lower, mut below) = (0.0, 0.0);
        for (bound, count) in bounds {
            if count >= wanted {
                let share = if count > below { (wanted - below) / (count - below) } else { 1.0 };
                return Some(if bound.is_finite() { lower + (bound - lower) * share } else { lower });
            }
            (lower, below) = (bound, count);
        }
        None
    }
}

/// `a="b",c="d"`, with `\\`, `\"` and `\n` in the values.
fn labelled(text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut letters = text.chars();
    loop {
        let key: String = letters.by_ref().take_while(|letter| *letter != '=').collect();
        if key.is_empty() || letters.next() != Some('"') {
            return labels;
        }
        let mut value = String::new();
        while let Some(letter) = letters.next() {
            match letter {
                '"' => break,
                '\\' => value.extend(letters.next().map(|escaped| if escaped == 'n' { '\n' } else { escaped })),
                other => value.push(other),
            }
        }
        labels.insert(key.trim_start_matches(',').to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::Samples;

    #[test]
    fn samples_are_found_by_their_labels() {
        let samples =
            Samples::read("# HELP a b\na{x=\"1\",y=\"q\\\"}, \\\\n\"} 2\na{x=\"2\",y=\"\"} 3.5\nb 1\n# EOF\n");
        assert_eq!(samples.sum("a", &[]), 5.5);
        assert_eq!(samples.sum("a", &[("x", "1")]), 2.0);
        assert_eq!(samples.sum("a", &[("y", "q\"}, \\n")]), 2.0);
        assert!(samples.has("b", &[]) && !samples.has("b", &[("x", "1")]));
        assert_eq!(samples.values("a", "x").into_iter().collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn a_quantile_is_of_what_was_taken_in_since() {
        let of = |counts: [u32; 3]| {
            let bounds = ["0.1", "0.2", "+Inf"];
            let lines = bounds.iter().zip(counts).map(|(le, count)| format!("h_bucket{{le=\"{le}\"}} {count}\n"));
            Samples::read(&lines.collect::<String>())
        };
        let (before, now) = (of([100, 100, 100]), of([100, 110, 110]));
        let median = now.quantile_since(&before, "h", &[], 0.5).expect("something came");
        assert!((median - 0.15).abs() < 1e-9, "{median}");
        assert_eq!(before.quantile_since(&before, "h", &[], 0.5), None);
        assert_eq!(of([0, 0, 4]).quantile_since(&Samples::default(), "h", &[], 0.95), Some(0.2));
    }
}
