//! What expressions for Prometheus name, and what metrics the sources have.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::root;

/// Of Prometheus itself: whether a target answers.
const UP: &str = "up";
/// The words of the language that our expressions use.
const WORDS: [&str; 7] = ["by", "increase", "offset", "or", "rate", "sum", "unless"];
/// What Prometheus adds to every metric: its own labels, those of prometheus.yml, and a metric's
/// label of such a name.
const SCRAPED: [&str; 5] = ["exported_region", "instance", "job", "region", "service"];

/// The metrics of the sources, with their labels.
pub(crate) fn metrics() -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    found.insert(UP.to_owned(), BTreeSet::new());
    for folder in ["libs", "services"] {
        for entry in fs::read_dir(root().join(folder)).expect("the folder is there") {
            collect(
                &entry.expect("it can be read").path().join("src"),
                &mut found,
            );
        }
    }
    found
}

fn collect(path: &Path, found: &mut BTreeMap<String, BTreeSet<String>>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("the folder is there") {
            collect(&entry.expect("it can be read").path(), found);
        }
        return;
    }
    let source = fs::read_to_string(path).expect("sources are text");
    for kind in ["counter!(", "gauge!(", "histogram!("] {
        for (at, _) in source.match_indices(&format!("metrics::{kind}")) {
            // The texts up to the end of the macro: the name, then the labels.
            let call = &source[at..];
            let end = call.find(")\n").into_iter().chain(call.find(").")).min();
            let texts = call[..end.unwrap_or(call.len())]
                .split('"')
                .skip(1)
                .step_by(2);
            let mut texts = texts.map(str::to_owned);
            let name = texts.next().expect("a metric has a name");
            found.entry(name).or_default().extend(texts);
        }
    }
}

/// What is wrong with an expression, and with the labels that its legend or text shows.
pub(crate) fn violations(
    expression: &str,
    shown: &str,
    metrics: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<String> {
    let mut violations = Vec::new();
    let names = names(expression);
    let named: Vec<&String> = names
        .iter()
        .filter(|name| metrics.contains_key(*name))
        .collect();
    if named.is_empty() {
        violations.push("it names no metric".to_owned());
    }
    let labels: BTreeSet<&str> = named
        .iter()
        .flat_map(|name| metrics[*name].iter().map(String::as_str))
        .chain(SCRAPED)
        .collect();
    for name in &names {
        let name = name.as_str();
        if !metrics.contains_key(name) && !labels.contains(name) && !WORDS.contains(&name) {
            violations.push(format!("nothing is called {name}"));
        }
    }
    for label in labels_shown(shown) {
        if !labels.contains(label.as_str()) {
            violations.push(format!("it has no label {label}"));
        }
    }
    for (opening, closing) in [('(', ')'), ('{', '}'), ('[', ']')] {
        if expression.matches(opening).count() != expression.matches(closing).count() {
            violations.push(format!("{opening} and {closing} do not match"));
        }
    }
    violations
}

/// The names in an expression; not its texts and times.
fn names(expression: &str) -> BTreeSet<String> {
    let outside = expression.split('"').step_by(2);
    let words =
        outside.flat_map(|part| part.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    words
        .filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
        .map(str::to_owned)
        .collect()
}

/// `{{ $labels.log }}` and `{{log}}` -> `log`; `{{ $value | … }}` shows no label.
fn labels_shown(text: &str) -> impl Iterator<Item = String> {
    let inside = text.split("{{").skip(1);
    let inside = inside.map(|rest| rest.split("}}").next().unwrap_or_default().trim());
    let shown = inside.filter(|it| !it.starts_with("$value"));
    shown.map(|it| it.strip_prefix("$labels.").unwrap_or(it).to_owned())
}

#[test]
fn metrics_and_their_labels_are_found_in_the_sources() {
    let metrics = metrics();
    let labels = |name: &str| metrics[name].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(labels("liandong_log_damaged"), ["log"]);
    assert_eq!(labels("liandong_follower_halted"), ["log", "runner"]);
    assert_eq!(labels("liandong_clock_drift_total"), ["region"]);
    assert!(labels("liandong_handler_panics_total").is_empty());
}

#[test]
fn an_expression_with_a_name_that_nobody_has_is_found() {
    let metrics = metrics();
    let sound = "sum by (log) (rate(liandong_feed_unavailable_total{log=\"x\"}[5m])) > 7 * 86400";
    assert!(violations(sound, "{{log}} {{ $value }}", &metrics).is_empty());
    for (expression, shown) in [
        ("liandong_feed_unavailable", ""),
        ("sum by (loog) (liandong_log_damaged)", ""),
        ("sum(liandong_log_damaged", ""),
        ("average(liandong_log_damaged)", ""),
        ("liandong_log_damaged", "{{ $labels.policy }}"),
        ("1", ""),
    ] {
        let found = violations(expression, shown, &metrics);
        assert!(!found.is_empty(), "{expression} {shown}");
    }
}
