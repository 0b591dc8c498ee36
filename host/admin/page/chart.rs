//! Small charts as SVG, drawn here: nothing to load, and they are there without a script.

use std::fmt::Write as _;

use maud::{Markup, html};

/// The drawing's size, in its own units.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 120.0;
/// Room above the highest point.
const HEAD: f64 = 8.0;
/// How wide a point is drawn that stands alone.
const DASH: f64 = 6.0;

/// One line of a chart.
pub(super) struct Line<'a> {
    /// Its name in the legend.
    pub(super) name: &'a str,
    /// Which of the sheet's colours it has: `a`, `b`, `c` or `bad`.
    pub(super) colour: &'a str,
    /// A value a moment, in order; none where there was nothing.
    pub(super) values: Vec<Option<f64>>,
}

/// Lines over time with their legend; `about` says all of it in words, for who does not see it.
pub(super) fn chart(title: &str, unit: &str, span: &str, lines: &[Line<'_>]) -> Markup {
    let highest =
        lines.iter().flat_map(|line| line.values.iter().flatten()).fold(0.0_f64, |most, value| most.max(*value));
    let top = rounded_up(highest);
    let last = |line: &Line<'_>| line.values.iter().rev().flatten().next().copied();
    let about: Vec<String> =
        lines.iter().map(|line| format!("{} {}", line.name, last(line).map_or("none".to_owned(), number))).collect();
    let about = format!("{title} over {span}, in {unit}: at most {}; last: {}", number(highest), about.join(", "));
    html! {
        figure.chart {
            figcaption {
                b { (title) } " "
                span.hint { (unit) ", " (span) }
                ul.legend {
                    @for line in lines {
                        li { span class={ "dot " (line.colour) } {} (line.name) " " b { (last(line).map(number).unwrap_or_else(|| "–".to_owned())) } }
                    }
                }
            }
            div.plot {
                span.top aria-hidden="true" { (number(top)) }
                svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(about) {
                    line.grid x1="0" x2=(WIDTH) y1=(HEAD) y2=(HEAD) {}
                    line.grid x1="0" x2=(WIDTH) y1=((HEAD + HEIGHT) / 2.0) y2=((HEAD + HEIGHT) / 2.0) {}
                    line.grid x1="0" x2=(WIDTH) y1=(HEIGHT) y2=(HEIGHT) {}
                    @for line in lines {
                        @for part in parts(&line.values) {
                            @if line.colour == "a" { path class="area" d=(area(&part, line.values.len(), top)) {} }
                            path class={ "line " (line.colour) } d=(path(&part, line.values.len(), top)) {}
                        }
                    }
                }
            }
        }
    }
}

/// Runs of values that are there, each with its place.
fn parts(values: &[Option<f64>]) -> Vec<Vec<(usize, f64)>> {
    let mut parts: Vec<Vec<(usize, f64)>> = Vec::new();
    let mut open = false;
    for (at, value) in values.iter().enumerate() {
        match (value, open, parts.last_mut()) {
            (Some(value), true, Some(part)) => part.push((at, *value)),
            (Some(value), ..) => parts.push(vec![(at, *value)]),
            (None, ..) => {}
        }
        open = value.is_some();
    }
    parts
}

fn place(at: usize, value: f64, count: usize, top: f64) -> (f64, f64) {
    let x = WIDTH * at as f64 / (count.max(2) - 1) as f64;
    let y = HEIGHT - (HEIGHT - HEAD) * (value / top).clamp(0.0, 1.0);
    (x, y)
}

fn path(part: &[(usize, f64)], count: usize, top: f64) -> String {
    let mut text = String::new();
    if let [(at, value)] = part {
        let (x, y) = place(*at, *value, count, top);
        return format!("M{:.1} {y:.1}h{DASH}", (x - DASH / 2.0).clamp(0.0, WIDTH - DASH));
    }
    for (at, value) in part {
        let (x, y) = place(*at, *value, count, top);
        let step = if text.is_empty() { 'M' } else { 'L' };
        // Writing into a string does not fail.
        let _ = write!(text, "{step}{x:.1} {y:.1}");
    }
    text
}

fn area(part: &[(usize, f64)], count: usize, top: f64) -> String {
    let (Some((first, _)), Some((last, _))) = (part.first(), part.last()) else { return String::new() };
    let x = |at: usize| place(at, 0.0, count, top).0;
    format!("{}L{:.1} {HEIGHT}L{:.1} {HEIGHT}Z", path(part, count, top), x(*last), x(*first))
}

/// The next number that is good to read on an axis: 1, 2 or 5 and noughts.
fn rounded_up(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power).find(|top| *top >= value).unwrap_or(10.0 * power)
}

/// A number as short as it is worth.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        ..0.05 => "0".to_owned(),
        ..10.0 => format!("{value:.1}").trim_end_matches(".0").to_owned(),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, area, chart, number, parts, path, rounded_up};

    #[test]
    fn a_line_breaks_where_there_is_nothing() {
        let parts = parts(&[Some(1.0), Some(2.0), None, Some(3.0), None]);
        assert_eq!(parts, [vec![(0, 1.0), (1, 2.0)], vec![(3, 3.0)]]);
        assert_eq!(path(&parts[0], 5, 2.0), "M0.0 64.0L160.0 8.0");
        assert_eq!(path(&parts[1], 5, 4.0), "M477.0 36.0h6", "one point is seen too");
        assert_eq!(path(&[(4, 4.0)], 5, 4.0), "M634.0 8.0h6", "at the edge as well");
        assert!(area(&parts[0], 5, 2.0).ends_with("L160.0 120L0.0 120Z"));
        assert_eq!(area(&[], 5, 2.0), "");
    }

    #[test]
    fn an_axis_ends_on_a_number_that_is_good_to_read() {
        let tops = [0.0, 0.3, 1.0, 1.1, 3.0, 7.0, 42.0, 999.0].map(rounded_up);
        assert_eq!(tops, [1.0, 0.5, 1.0, 2.0, 5.0, 10.0, 50.0, 1_000.0]);
        assert_eq!([0.0, 0.25, 3.0, 12.4].map(number), ["0", "0.2", "3", "12"]);
    }

    #[test]
    fn a_chart_says_itself_in_words() {
        let lines = [
            Line { name: "read", colour: "a", values: vec![Some(1.0), Some(4.0)] },
            Line { name: "failed", colour: "bad", values: vec![None, None] },
        ];
        let drawn = chart("Throughput", "a second", "15 min", &lines).into_string();
        assert!(
            drawn.contains("aria-label=\"Throughput over 15 min, in a second: at most 4; last: read 4, failed none\""),
            "{drawn}"
        );
        assert!(!drawn.contains("style="), "the policy allows no inline styles");
    }
}
