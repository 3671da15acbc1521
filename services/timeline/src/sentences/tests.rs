//! Every event's sentence, made from its golden file and compared with the text people agreed on.
//!
//! `LIANDONG_BLESS=1` writes `tests/sentences.txt` anew; the difference is then read like any other.

use std::path::{Path, PathBuf};

use eventsourcing::{Body, Envelope, Hash, Position};

use super::*;

#[test]
fn every_event_is_told_in_both_languages_as_agreed() {
    let mut told = String::new();
    let mut wrong = Vec::new();
    for event in golden_events() {
        let of = event.envelope.dataschema.replace("urn:liandong:", "");
        let line = line(&event, &Names::none());
        let fits = is_known(&event)
            && !line.en.contains(is_chinese)
            && !line.en.contains("310000-")
            && line.zh.contains(is_chinese)
            // A word in code or an id would have letters.
            && !line.zh.contains(|c: char| c.is_ascii_alphabetic());
        let sentence = format!("{of}\t{}\t{}", line.zh, line.en);
        if !fits {
            wrong.push(sentence.clone());
        }
        told += &(sentence + "\n");
    }
    let agreed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sentences.txt");
    if std::env::var_os("LIANDONG_BLESS").is_some() {
        std::fs::write(&agreed, &told).unwrap();
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let agreed = std::fs::read_to_string(agreed).unwrap_or_default();
    for (told, agreed) in told.lines().zip(agreed.lines()) {
        assert_eq!(told, agreed, "LIANDONG_BLESS=1 writes it anew");
    }
    assert_eq!(told.lines().count(), agreed.lines().count(), "a line each");
}

fn is_chinese(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}')
}

/// All events that are told, by context and name; those of the directory belong to no case.
fn golden_events() -> Vec<Recorded> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../libs/domain/tests/golden");
    let below = |folder: PathBuf| {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path())
    };
    let contexts = below(golden).filter(|path| path.is_dir() && !path.ends_with("directory"));
    let mut files: Vec<PathBuf> = contexts.flat_map(below).collect();
    files.sort();
    let events = files.iter().map(|file| {
        let envelope: Envelope = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        Recorded::read(Position(1), Hash([0; 32]), Body::seal(&envelope).unwrap()).unwrap()
    });
    events.collect()
}
