//! The rules and those who use them: who commands what, what adapters know of them, and that the
//! rules themselves take in time and ids, and make none.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::sources::{self, Source};
use crate::{assert_none, assert_says};

/// What deciding looks like. The timeline tells what happened; it never decides.
const DECIDING: &[&str] = &["decide", "CommandHandler"];

/// The crates that keep bytes.
const ADAPTERS: &[&str] = &["segment-log", "projection-store", "vault"];

/// What an adapter may name of the domain, and why.
const FOR_ADAPTERS: &[(&[&str], &str)] = &[
    (&["ids"], "whose bytes they are"),
    (
        &["sealed"],
        "making and opening ciphertexts is the vault's work",
    ),
    (
        &["values", "Term"],
        "a ciphertext is bound to words of the domain as they are written",
    ),
];

/// How code would read a clock, or make an id or a choice of its own.
const CLOCKS_AND_IDS: &[&str] = &[
    "SystemTime",
    "Instant",
    "new_v4",
    "new_v7",
    "now_v1",
    "now_v6",
    "now_v7",
    "rand",
    "getrandom",
];

/// The commands of the domain, each with the context whose service alone may name it.
struct Commands(BTreeMap<String, String>);

impl Commands {
    fn of(sources: &[Source]) -> Self {
        let mut commands = BTreeMap::new();
        for source in sources {
            let Some(below) = source.path.strip_prefix("libs/domain/src/") else {
                continue;
            };
            let context = below.split(['/', '.']).next().unwrap_or_default();
            for pair in source.words().windows(2) {
                if ["enum", "struct"].contains(&pair[0].as_str()) && pair[1].ends_with("Command") {
                    commands.insert(pair[1].clone(), context.to_owned());
                }
            }
        }
        Self(commands)
    }

    /// A service commands only its own context; the timeline and the libraries none.
    fn violations(&self, source: &Source) -> Vec<String> {
        let Some((folder, name)) = production(&source.path) else {
            return Vec::new();
        };
        let words = source.words();
        let mut violations = Vec::new();
        if name == "timeline" && words.iter().any(|word| DECIDING.contains(&word.as_str())) {
            violations.push(format!("{} decides", source.path));
        }
        // However it was imported: a command cannot be made without its name.
        let others = words.iter().filter(|word| {
            let context = self.0.get(*word);
            context.is_some_and(|context| folder != "services" || context != name)
        });
        violations.extend(others.map(|word| format!("{} names {word}", source.path)));
        violations
    }
}

/// The folder and the crate of a source that people run, but for the domain itself and the program,
/// which plays stories. Tests may set other contexts' scenes.
fn production(path: &str) -> Option<(&str, &str)> {
    let (folder, rest) = path.split_once('/')?;
    let (name, below) = rest.split_once('/')?;
    let test = below.ends_with("/tests.rs") || below.contains("/tests/");
    let runs = below.starts_with("src/") && !test && !["domain", "liandong"].contains(&name);
    (runs && folder != "tests").then_some((folder, name))
}

/// Whatever an adapter names of the domain beyond what it may.
fn adapter_violations(source: &Source) -> Vec<String> {
    if !production(&source.path).is_some_and(|(_, name)| ADAPTERS.contains(&name)) {
        return Vec::new();
    }
    let mut paths = Vec::new();
    collect_paths(source.tokens(), &[], &mut paths);
    let beyond = paths.iter().filter(|path| {
        let of_domain = path.first().is_some_and(|first| first == "domain");
        of_domain
            && !FOR_ADAPTERS
                .iter()
                .any(|(may, _)| path[1..].starts_with_words(may))
    });
    beyond
        .map(|path| format!("{} names {}", source.path, path.join("::")))
        .collect()
}

trait StartsWithWords {
    fn starts_with_words(&self, words: &[&str]) -> bool;
}

impl StartsWithWords for [String] {
    fn starts_with_words(&self, words: &[&str]) -> bool {
        self.len() >= words.len() && self.iter().zip(words).all(|(own, word)| own == word)
    }
}

/// Whatever in the domain would make two readings of one log differ.
fn rule_violations(source: &Source) -> Vec<String> {
    if !source.path.starts_with("libs/domain/") {
        return Vec::new();
    }
    let words = source.words();
    let named = words
        .iter()
        .filter(|word| CLOCKS_AND_IDS.contains(&word.as_str()));
    let mut violations: Vec<String> = named
        .map(|word| format!("{} names {word}", source.path))
        .collect();
    let asks_now = |words: &[String]| words[0] == ":" && words[1] == ":" && words[2] == "now";
    if words.windows(3).any(asks_now) {
        violations.push(format!("{} asks what time it is", source.path));
    }
    violations
}

/// Every `a::b::c` of `tokens`, with `a::{b, c}` written out.
fn collect_paths(tokens: TokenStream, prefix: &[String], found: &mut Vec<Vec<String>>) {
    let mut path = prefix.to_vec();
    let mut colons = 0;
    let mut end = |path: &mut Vec<String>| {
        let ended = std::mem::replace(path, prefix.to_vec());
        if ended.len() > prefix.len() {
            found.push(ended);
        }
    };
    let mut groups = Vec::new();
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
                    end(&mut path);
                }
                path.push(word.to_string());
            }
            TokenTree::Group(group) if colons == 2 && group.delimiter() == Delimiter::Brace => {
                let below = std::mem::replace(&mut path, prefix.to_vec());
                groups.push((group.stream(), below));
            }
            TokenTree::Group(group) => {
                end(&mut path);
                groups.push((group.stream(), Vec::new()));
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => end(&mut path),
        }
        colons = 0;
    }
    end(&mut path);
    for (inside, below) in groups {
        collect_paths(inside, &below, found);
    }
}

#[test]
fn no_service_commands_the_aggregates_of_another() {
    let sources = sources::all();
    let commands = Commands::of(&sources);
    assert!(commands.0.len() > 10, "the domain was not read");
    let violations = sources
        .iter()
        .flat_map(|source| commands.violations(source));
    assert_none(&violations.collect::<Vec<_>>());
}

#[test]
fn adapters_know_ids_and_ciphertexts_and_nothing_else_of_the_domain() {
    assert!(FOR_ADAPTERS.iter().all(|(_, reason)| !reason.is_empty()));
    let violations = sources::all();
    let violations = violations.iter().flat_map(adapter_violations);
    assert_none(&violations.collect::<Vec<_>>());
}

#[test]
fn the_rules_read_no_clock_and_make_no_ids() {
    let violations = sources::all();
    let violations = violations.iter().flat_map(rule_violations);
    assert_none(&violations.collect::<Vec<_>>());
}

fn source(path: &str, text: &str) -> Source {
    Source {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

fn commanding(path: &str, text: &str) -> Vec<String> {
    let domain = [
        source("libs/domain/src/intake.rs", "pub enum IntakeCommand {}"),
        source(
            "libs/domain/src/referral/custody.rs",
            "pub enum CustodyCommand {}",
        ),
        source(
            "libs/domain/src/referral/sender.rs",
            "pub enum ReferralCommand {}",
        ),
    ];
    Commands::of(&domain).violations(&source(path, text))
}

#[test]
fn a_timeline_that_decides_is_found() {
    let file = "services/timeline/src/replay.rs";
    assert_none(&commanding(file, "use domain::referral::ReferralEvent;"));
    assert_says(
        &commanding(file, "fn f() { state.decide(c, o); }"),
        "decides",
    );
    assert_says(
        &commanding(file, "use eventsourcing::CommandHandler;"),
        "decides",
    );
    let command = "use domain::referral::ReferralCommand;";
    assert_says(&commanding(file, command), "names ReferralCommand");
}

#[test]
fn a_command_of_another_context_is_found_however_it_is_written() {
    for code in [
        "use domain::referral::ReferralCommand;",
        "use domain::referral::hop::{ReferralEvent, ReferralCommand as C};",
        "use domain::{intake::IntakeCommand, referral::{custody::CustodyCommand, Referral}};",
        "fn f() { g(domain::referral::ReferralCommand::Submit { reason: None }) }",
        "use domain::referral; fn f() { referral::ReferralCommand::Submit }",
        "use domain::referral as r; fn f() { r::ReferralCommand::Submit }",
        "use domain::referral::custody; fn f() { custody::CustodyCommand::Take }",
        "use domain::referral::*; fn f() { ReferralCommand::Submit }",
        "fn f() { crate::elsewhere::ReferralCommand::Submit }",
    ] {
        assert_says(
            &commanding("services/intake/src/policies.rs", code),
            "Command",
        );
        assert_says(&commanding("libs/node/src/lib.rs", code), "Command");
    }
}

#[test]
fn a_service_may_command_its_own_context_and_read_others() {
    let file = "services/intake/src/policies.rs";
    for code in [
        "use domain::intake::{IntakeCommand, IntakeEvent};",
        "use domain::referral::{ReferralEvent, hop::HopId}; use domain::intake::*;",
        "fn f(a: domain::referral::Risk, b: IntakeCommand) {}",
    ] {
        assert_none(&commanding(file, code));
    }
    let scene = "use domain::referral::ReferralCommand;";
    assert_none(&commanding("services/intake/tests/story.rs", scene));
}

#[test]
fn an_adapter_that_knows_a_rule_is_found() {
    let adapter = |code| adapter_violations(&source("libs/vault/src/seal.rs", code));
    assert_none(&adapter(
        "use domain::{ids::CaseId, sealed::{Sealed, Text}, values::Term};",
    ));
    for code in [
        "use domain::values::Role;",
        "use domain::{ids::CaseId, referral::ReferralEvent};",
        "use domain::*;",
        "use domain as d;",
        "fn f(event: domain::keys::GrantEvent) {}",
    ] {
        assert_says(&adapter(code), "names domain");
    }
}

#[test]
fn a_rule_that_asks_the_time_or_makes_an_id_is_found() {
    let rule = |code| rule_violations(&source("libs/domain/src/intake.rs", code));
    assert_none(&rule(
        "fn decide(now: Timestamp) { due(now) } // Timestamp::now()",
    ));
    assert_says(
        &rule("fn decide() { due(Timestamp::now()) }"),
        "what time it is",
    );
    assert_says(
        &rule("fn decide() { Opened { id: Uuid::now_v7() } }"),
        "now_v7",
    );
    assert_says(&rule("use std::time::SystemTime;"), "SystemTime");
}
