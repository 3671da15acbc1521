//! The contract's own text, for what must hold of all of it.

use std::collections::BTreeSet;

const FILES: [&str; 3] = [
    include_str!("../../../../proto/liandong/intake/v1/intake.proto"),
    include_str!("../../../../proto/liandong/intake/v1/contact.proto"),
    include_str!("../../../../proto/liandong/types/v1/command.proto"),
];

/// Every RPC by name.
pub(crate) fn rpcs() -> Vec<&'static str> {
    lines()
        .filter_map(|line| line.strip_prefix("rpc ")?.split('(').next())
        .collect()
}

/// Every field: its message, its type, its name, and whether people's words are in it.
pub(crate) fn fields() -> Vec<(&'static str, &'static str, &'static str, bool)> {
    let mut message = "";
    let mut found = Vec::new();
    for line in lines() {
        if let Some(begun) = line.strip_prefix("message ") {
            message = begun.trim_end_matches(" {");
        }
        let declaration = line.strip_prefix("repeated ").unwrap_or(line);
        let mut words = declaration.split(' ');
        let (Some(kind), Some(name), Some("=")) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        found.push((message, kind, name, line.contains("debug_redact = true")));
    }
    found
}

/// The fields with words of people, `Message.field`.
pub(crate) fn texts() -> BTreeSet<String> {
    fields()
        .into_iter()
        .filter(|(_, _, _, redacted)| *redacted)
        .map(|(message, _, name, _)| format!("{message}.{name}"))
        .collect()
}

/// Whether some request has a field at this path.
pub(crate) fn is_request_path(path: &str) -> bool {
    let fields = fields();
    let mut messages: BTreeSet<&str> = fields
        .iter()
        .map(|(message, ..)| *message)
        .filter(|message| message.ends_with("Request"))
        .collect();
    path.split('.').all(|part| {
        messages = fields
            .iter()
            .filter(|(message, _, name, _)| messages.contains(message) && *name == part)
            .map(|(_, kind, ..)| kind.rsplit('.').next().unwrap_or(kind))
            .collect();
        !messages.is_empty()
    })
}

fn lines() -> impl Iterator<Item = &'static str> {
    FILES.iter().flat_map(|file| file.lines()).map(str::trim)
}
