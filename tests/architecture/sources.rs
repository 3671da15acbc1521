//! What no source contains, read as tokens: comments and strings say nothing.

use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::{assert_none, assert_says, root};

const FOLDERS: &[&str] = &["libs", "services", "tests"];

/// More than this, and a reader no longer finds the place.
const MAX_LINES: usize = 400;

/// Files that may be longer, and why.
const LONGER: &[(&str, &str)] = &[
    (
        "libs/eventsourcing/src/command.rs",
        "the one straight path of a command, read from top to bottom",
    ),
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

/// What deciding looks like. The timeline tells what happened; it never decides.
const DECIDING: &[&str] = &["decide", "CommandHandler"];

/// A file by its path from the root, with `/`.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn tokens(&self) -> TokenStream {
        let tokens = self.text.parse();
        tokens.unwrap_or_else(|error| panic!("{} is not Rust: {error}", self.path))
    }

    fn violations(&self) -> Vec<String> {
        let mut violations = self.shape();
        let mut words = Vec::new();
        flatten(self.tokens(), &mut words);
        if words.iter().any(|word| word == "unsafe") {
            violations.push(format!("{} is unsafe", self.path));
        }
        for pair in words.windows(2) {
            if FORBIDDEN_MACROS.contains(&pair[0].as_str()) && pair[1] == "!" {
                violations.push(format!("{} contains {}!", self.path, pair[0]));
            }
        }
        violations.extend(self.decisions(&words));
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

    /// A service decides only for its own context; the timeline for none.
    fn decisions(&self, words: &[String]) -> Vec<String> {
        let Some(service) = self.service() else {
            return Vec::new();
        };
        let mut violations = Vec::new();
        if service == "timeline" && words.iter().any(|word| DECIDING.contains(&word.as_str())) {
            violations.push(format!("{} decides", self.path));
        }
        let mut paths = Vec::new();
        collect_paths(self.tokens(), &[], &mut paths);
        for path in paths {
            if commands_of_another(service, &path) {
                let path = path.join("::");
                violations.push(format!("{} commands another context: {path}", self.path));
            }
        }
        violations
    }

    /// The service whose program this is; its tests may set other contexts' scenes.
    fn service(&self) -> Option<&str> {
        let (service, rest) = self.path.strip_prefix("services/")?.split_once('/')?;
        (rest.starts_with("src/") && service != "liandong").then_some(service)
    }
}

/// Whether `path` names a command, the deciding function, or everything, of another context.
fn commands_of_another(service: &str, path: &[String]) -> bool {
    let mut segments = path.iter().map(String::as_str);
    if segments.next() != Some("domain") {
        return false;
    }
    // Shared by all contexts: nothing there commands.
    let Some(context) = segments.next() else {
        return false;
    };
    let commands = |name: &str| name.ends_with("Command") || name == "decide" || name == "*";
    context != service && segments.any(commands)
}

/// The words and signs of `tokens`, in order; a literal is `""`.
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

/// Every `a::b::c` of `tokens`, with `a::{b, c}` written out.
fn collect_paths(tokens: TokenStream, prefix: &[String], found: &mut Vec<Vec<String>>) {
    let mut path = prefix.to_vec();
    let mut colons = 0;
    for token in tokens {
        let joined = colons == 2 || path.len() == prefix.len();
        match token {
            TokenTree::Punct(sign) if sign.as_char() == ':' => {
                colons += 1;
                continue;
            }
            TokenTree::Punct(sign) if sign.as_char() == '*' && joined => path.push("*".to_owned()),
            TokenTree::Ident(word) => {
                if !joined {
                    found.push(std::mem::replace(&mut path, prefix.to_vec()));
                }
                path.push(word.to_string());
            }
            TokenTree::Group(group) => {
                let inside = colons == 2 && group.delimiter() == Delimiter::Brace;
                let prefix_inside: &[String] = if inside { &path } else { &[] };
                collect_paths(group.stream(), prefix_inside, found);
                found.push(std::mem::replace(&mut path, prefix.to_vec()));
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {
                found.push(std::mem::replace(&mut path, prefix.to_vec()));
            }
        }
        colons = 0;
    }
    found.push(path);
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
    let mut sources = Vec::new();
    for folder in FOLDERS {
        read_sources(&root().join(folder), &mut sources);
    }
    assert!(sources.len() > 30, "the sources were not read");
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

#[test]
fn a_timeline_that_decides_is_found() {
    let file = "services/timeline/src/replay.rs";
    assert_none(&violations(file, "use domain::referral::ReferralEvent;"));
    assert_says(
        &violations(file, "fn f() { state.decide(c, o); }"),
        "decides",
    );
    assert_says(
        &violations(file, "use eventsourcing::CommandHandler;"),
        "decides",
    );
    let command = "use domain::referral::ReferralCommand;";
    assert_says(&violations(file, command), "commands another context");
}

#[test]
fn a_service_that_commands_another_context_is_found_however_it_is_written() {
    let file = "services/intake/src/policies.rs";
    for code in [
        "use domain::referral::ReferralCommand;",
        "use domain::referral::hop::{ReferralEvent, ReferralCommand as C};",
        "use domain::{intake::IntakeCommand, referral::{custody::CustodyCommand, Referral}};",
        "fn f() { g(domain::referral::ReferralCommand::Submit { reason: None }) }",
        "fn f() { Step::of::<domain :: referral :: ReferralCommand>(id) }",
        "use domain::referral::*;",
        "use domain::referral::{self, *};",
    ] {
        assert_says(&violations(file, code), "commands another context");
    }
}

#[test]
fn a_service_may_command_its_own_context_and_read_others() {
    let file = "services/intake/src/policies.rs";
    for code in [
        "use domain::intake::{IntakeCommand, IntakeEvent};",
        "use domain::referral::{ReferralEvent, hop::HopId}; use domain::intake::*;",
        "use domain::{intake::IntakeCommand, referral::ReferralEvent};",
        "fn f() { domain::referral::note(); IntakeCommand::Close }",
        "fn f(a: domain::referral::Risk, b: IntakeCommand) {}",
    ] {
        assert_none(&violations(file, code));
    }
    let scene = "use domain::referral::ReferralCommand;";
    assert_none(&violations("services/intake/tests/story.rs", scene));
}
