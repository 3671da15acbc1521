//! Who may depend on whom, by `cargo metadata`: normal dependencies, direct and transitive.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

use crate::{assert_none, assert_says, root};

/// The rule of some crates of the workspace.
struct Rule {
    crates: &'static [&'static str],
    /// What they may reach of the workspace.
    may: May,
    /// What of other people's they must not reach, not even through somebody else.
    never: &'static [&'static str],
}

enum May {
    Only(&'static [&'static str]),
    EveryLib,
    Everything,
}

const ENGINES_AND_TRANSPORT: &[&str] = &["tokio", "tonic", "prost", "sled", "redb", "async-nats"];

const RULES: &[Rule] = &[
    Rule {
        crates: &["eventsourcing"],
        may: May::Only(&[]),
        never: ENGINES_AND_TRANSPORT,
    },
    Rule {
        crates: &["domain"],
        may: May::Only(&["eventsourcing"]),
        never: ENGINES_AND_TRANSPORT,
    },
    Rule {
        crates: &["segment-log"],
        may: May::Only(&["eventsourcing", "domain"]),
        never: &["tonic", "sled", "redb", "async-nats"],
    },
    Rule {
        crates: &["projection-store"],
        may: May::Only(&["eventsourcing", "domain"]),
        never: &["tonic", "redb", "async-nats"],
    },
    Rule {
        crates: &["nats-event-feed"],
        may: May::Only(&["eventsourcing", "domain"]),
        never: &["tonic", "sled", "redb"],
    },
    Rule {
        crates: &["vault"],
        may: May::Only(&["eventsourcing", "domain"]),
        never: &["tonic", "sled", "async-nats"],
    },
    Rule {
        crates: &["proto"],
        may: May::Only(&[]),
        never: &["sled", "redb", "async-nats"],
    },
    Rule {
        crates: &["service-runtime"],
        may: May::Only(&["eventsourcing", "proto"]),
        never: &["sled", "redb", "async-nats"],
    },
    Rule {
        // Its own three, and `proto` through the runtime.
        crates: &["directory-view"],
        may: May::Only(&["eventsourcing", "domain", "service-runtime", "proto"]),
        never: &["sled", "redb", "async-nats"],
    },
    Rule {
        // Where ports meet adapters.
        crates: &["node"],
        may: May::EveryLib,
        never: &[],
    },
    Rule {
        crates: &[
            "intake",
            "referral",
            "caseteam",
            "followup",
            "timeline",
            "directory",
            "keys",
        ],
        may: May::EveryLib,
        never: &[],
    },
    Rule {
        crates: &["liandong", "acceptance"],
        may: May::Everything,
        never: &[],
    },
];

/// The one crate that may name an engine: everybody else goes through its port.
const ENGINE_OWNERS: &[(&str, &str)] = &[
    ("sled", "projection-store"),
    ("redb", "vault"),
    ("async-nats", "nats-event-feed"),
];

/// Crates and their normal dependencies, by name.
#[derive(Default)]
struct Graph {
    edges: BTreeMap<String, BTreeSet<String>>,
    /// The crates of the workspace, and whether each is a library.
    members: BTreeMap<String, bool>,
}

impl Graph {
    fn of_workspace() -> Self {
        // Not --offline: on a fresh machine the manifests of other platforms' crates are missing.
        let metadata = MetadataCommand::new()
            .current_dir(root())
            .other_options(vec!["--locked".to_owned()])
            .exec()
            .expect("cargo describes the workspace");
        Self::read(&metadata)
    }

    fn read(metadata: &Metadata) -> Self {
        let mut graph = Self::default();
        let libs = metadata.workspace_root.join("libs");
        for package in metadata.workspace_packages() {
            let is_lib = package.manifest_path.starts_with(&libs);
            graph.members.insert(package.name.to_string(), is_lib);
        }
        let resolve = metadata
            .resolve
            .as_ref()
            .expect("dependencies are asked for");
        for node in &resolve.nodes {
            let normal = node.deps.iter().filter(|dependency| {
                let mut kinds = dependency.dep_kinds.iter();
                kinds.any(|kind| kind.kind == DependencyKind::Normal)
            });
            let names = normal.map(|dependency| metadata[&dependency.pkg].name.to_string());
            let from = metadata[&node.id].name.to_string();
            // Two versions of a crate count as one that does what either does.
            graph.edges.entry(from).or_default().extend(names);
        }
        graph
    }

    fn direct(&self, from: &str) -> impl Iterator<Item = &str> {
        self.edges
            .get(from)
            .into_iter()
            .flatten()
            .map(String::as_str)
    }

    fn reached<'graph>(&'graph self, from: &'graph str) -> BTreeSet<&'graph str> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&str> = self.direct(from).collect();
        while let Some(next) = open.pop() {
            if reached.insert(next) {
                open.extend(self.direct(next));
            }
        }
        reached
    }

    fn violations(&self) -> Vec<String> {
        let rules = RULES
            .iter()
            .flat_map(|rule| rule.crates.iter().map(move |name| (*name, rule)));
        let rules: BTreeMap<&str, &Rule> = rules.collect();
        let mut violations = Vec::new();
        for member in self.members.keys() {
            match rules.get(member.as_str()) {
                Some(rule) => violations.extend(self.violations_of(member, rule)),
                None => violations.push(format!("{member} has no rule: say what it may import")),
            }
        }
        violations.extend(self.engines_outside_their_owner());
        violations
    }

    fn violations_of(&self, member: &str, rule: &Rule) -> Vec<String> {
        let reached = self.reached(member).into_iter();
        let wrong = reached.filter(|name| {
            let allowed = self.members.get(*name).is_none_or(|is_lib| match rule.may {
                May::Only(names) => names.contains(name),
                May::EveryLib => *is_lib,
                May::Everything => true,
            });
            !allowed || rule.never.contains(name)
        });
        wrong
            .map(|name| format!("{member} must not depend on {name}"))
            .collect()
    }

    fn engines_outside_their_owner(&self) -> Vec<String> {
        let uses = self.members.keys().flat_map(|member| {
            let engines = ENGINE_OWNERS.iter().filter(move |(engine, owner)| {
                member != owner && self.direct(member).any(|name| name == *engine)
            });
            engines.map(move |(engine, owner)| format!("{member} names {engine}: only {owner} may"))
        });
        uses.collect()
    }
}

#[test]
fn every_crate_imports_only_what_its_place_allows() {
    let graph = Graph::of_workspace();
    assert!(graph.members.len() > 10, "the workspace was not read");
    assert!(graph.reached("projection-store").contains("sled"));
    assert!(graph.reached("liandong").contains("sled"), "transitively");
    assert_none(&graph.violations());
}

/// A small workspace: `libs` and `services` by name, and who depends on whom.
fn fake(libs: &[&str], others: &[&str], edges: &[(&str, &[&str])]) -> Graph {
    let libs = libs.iter().map(|name| ((*name).to_owned(), true));
    let others = others.iter().map(|name| ((*name).to_owned(), false));
    let edges = edges.iter().map(|(from, to)| {
        let to = to.iter().map(|name| (*name).to_owned()).collect();
        ((*from).to_owned(), to)
    });
    Graph {
        edges: edges.collect(),
        members: libs.chain(others).collect(),
    }
}

#[test]
fn an_allowed_workspace_passes() {
    let allowed = fake(
        &["eventsourcing", "domain", "projection-store"],
        &["intake", "liandong"],
        &[
            ("domain", &["eventsourcing"]),
            ("projection-store", &["eventsourcing", "sled"]),
            ("intake", &["domain", "projection-store", "tonic"]),
            ("liandong", &["intake"]),
        ],
    );
    assert_none(&allowed.violations());
}

#[test]
fn a_forbidden_import_is_found_directly_and_through_others() {
    let direct = fake(&["domain"], &["intake"], &[("domain", &["intake"])]);
    assert_says(&direct.violations(), "domain must not depend on intake");

    let through = [
        ("domain", &["hyper-util"][..]),
        ("hyper-util", &["tokio"][..]),
    ];
    let through = fake(&["domain"], &[], &through);
    assert_says(&through.violations(), "domain must not depend on tokio");
}

#[test]
fn a_service_that_imports_a_service_is_found() {
    let services = fake(&[], &["intake", "referral"], &[("intake", &["referral"])]);
    assert_says(&services.violations(), "intake must not depend on referral");
}

#[test]
fn an_engine_named_outside_its_owner_is_found() {
    let sled = fake(&[], &["intake"], &[("intake", &["sled"])]);
    assert_says(
        &sled.violations(),
        "intake names sled: only projection-store may",
    );
}

#[test]
fn a_crate_without_a_rule_is_found() {
    let new = fake(&["common"], &[], &[]);
    assert_says(&new.violations(), "common has no rule");
}
