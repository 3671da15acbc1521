//! What no source contains, read as tokens: comments and strings say nothing.

use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};

use crate::{assert_none, assert_says, root};

const FOLDERS: &[&str] = &["libs", "services", "tests"];

/// More than this, and a reader no longer finds the place.
const MAX_LINES: usize = 400;

/// Files that may be longer, and why.
const LONGER: &[(&str, &str)] = &[
    (
        "libs/domain/src/referral/assignment.rs",
        "one aggregate, read from top to bottom: command, event, state, decide, evolve",
    ),
    (
        "libs/domain/src/referral/interleavings/world.rs",
        "three regions and all that can happen between them, for the random histories",
    ),
    (
        "libs/domain/src/directory/tests.rs",
        "examples of five small aggregates that share their people and places",
    ),
    (
        "services/referral/tests/component/refusals.rs",
        "one refusal after the other, each a few lines",
    ),
    (
        "services/caseteam/tests/component/bench.rs",
        "the people, desks and events that all its component tests begin with",
    ),
    (
        "services/liandong/src/story/chen_jia.rs",
        "a story is told from its beginning to its end",
    ),
];

const FORBIDDEN_MACROS: &[&str] = &["todo", "unimplemented", "dbg"];

/// Names that say nothing about what is inside.
const FORBIDDEN_FILES: &[&str] = &[
    "mod.rs",
    "common.rs",
    "utils.rs",
    "helpers.rs",
    "manager.rs",
];

/// A file by its path from the root, with `/`.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn tokens(&self) -> TokenStream {
        let tokens = self.text.parse();
        tokens.unwrap_or_else(|error| panic!("{} is not Rust: {error}", self.path))
    }

    /// Its words and signs, in order; a literal is `""`.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        flatten(self.tokens(), &mut words);
        words
    }

    fn violations(&self) -> Vec<String> {
        let mut violations = self.shape();
        let words = self.words();
        if words.iter().any(|word| word == "unsafe") {
            violations.push(format!("{} is unsafe", self.path));
        }
        for pair in words.windows(2) {
            if FORBIDDEN_MACROS.contains(&pair[0].as_str()) && pair[1] == "!" {
                violations.push(format!("{} contains {}!", self.path, pair[0]));
            }
        }
        violations
    }

    /// Name, length and first line.
    fn shape(&self) -> Vec<String> {
        let mut violations = Vec::new();
        let name = self.path.rsplit('/').next().unwrap_or_default();
        if FORBIDDEN_FILES.contains(&name) {
            violations.push(format!("{} is a name that says nothing", self.path));
        }
        if !self.text.starts_with("//! ") {
            violations.push(format!("{} does not say first what it is", self.path));
        }
        let lines = self.text.lines().count();
        let longer = LONGER.iter().any(|(path, _)| *path == self.path);
        if lines > MAX_LINES && !longer {
            violations.push(format!("{} has {lines} lines: split it", self.path));
        }
        if lines <= MAX_LINES && longer {
            violations.push(format!("{} is short again: no exception", self.path));
        }
        violations
    }
}

fn flatten(tokens: TokenStream, words: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => flatten(group.stream(), words),
            TokenTree::Ident(word) => words.push(word.to_string()),
            TokenTree::Punct(sign) => words.push(sign.as_char().to_string()),
            TokenTree::Literal(_) => words.push("\"\"".to_owned()),
        }
    }
}

/// Every source of the workspace.
pub(crate) fn all() -> Vec<Source> {
    let mut sources = Vec::new();
    for folder in FOLDERS {
        read_sources(&root().join(folder), &mut sources);
    }
    assert!(sources.len() > 30, "the sources were not read");
    sources
}

fn read_sources(folder: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            read_sources(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let from_root = path.strip_prefix(root()).expect("it lies in the workspace");
            sources.push(Source {
                path: from_root.to_string_lossy().into_owned(),
                text: fs::read_to_string(&path).expect("it is text"),
            });
        }
    }
}

#[test]
fn no_source_contains_what_none_may() {
    let sources = all();
    for (path, reason) in LONGER {
        assert!(!reason.is_empty(), "{path} may be longer for no reason");
        assert!(sources.iter().any(|source| source.path == *path), "{path}");
    }
    let violations = sources.iter().flat_map(Source::violations);
    assert_none(&violations.collect::<Vec<_>>());
}

fn violations(path: &str, text: &str) -> Vec<String> {
    let source = Source {
        path: path.to_owned(),
        text: format!("//! A source.\n{text}"),
    };
    source.violations()
}

#[test]
fn forbidden_code_is_found_and_text_about_it_is_not() {
    let file = "libs/x/src/lib.rs";
    let harmless = "// unsafe todo!()\nconst SAY: &str = \"dbg!(unsafe)\"; fn todo() {}";
    assert_none(&violations(file, harmless));
    assert_says(&violations(file, "fn f() { unsafe { g() } }"), "is unsafe");
    for name in FORBIDDEN_MACROS {
        let code = format!("fn f() {{ {name}!() }}");
        assert_says(&violations(file, &code), &format!("contains {name}!"));
    }
}

#[test]
fn a_file_of_the_wrong_shape_is_found() {
    assert_says(&violations("libs/x/src/utils.rs", ""), "says nothing");
    assert_says(&violations("libs/x/src/a/mod.rs", ""), "says nothing");
    let long = "\n".repeat(MAX_LINES);
    assert_says(&violations("libs/x/src/lib.rs", &long), "has 401 lines");
    let silent = Source {
        path: "libs/x/src/lib.rs".to_owned(),
        text: "fn f() {}".to_owned(),
    };
    assert_says(&silent.violations(), "does not say first");
}
