//! Finds the sealed texts of any event by their shape: no service has to tell which fields it seals.

use domain::ids::{CaseId, KeyId};
use domain::sealed::{PersonRole, Sealed, SealedClass, Text};
use eventsourcing::{PolicyError, Recorded};
use serde_json::Value;
use vault::{KeyStore, KeyStoreError};

/// A sealed text and its field: inner fields after a dot, places in a list as numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) field: String,
    pub(crate) sealed: Sealed<Text>,
}

/// What a key protects.
pub(crate) type Protects = (PersonRole, SealedClass);

/// All sealed texts of an event.
pub(crate) fn sealed_texts(event: &Recorded) -> Vec<Found> {
    let mut found = Vec::new();
    scan(&event.envelope.data, "", &mut found);
    found
}

/// A key that an event names, and whether it is one of the case's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedKey {
    pub(crate) key: KeyId,
    pub(crate) protects: Protects,
    pub(crate) proof: Proof,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It opens a text of the case.
    Opens,
    /// It was destroyed with this case.
    Erased,
    /// It cannot be read, so nobody knows; why.
    Damaged(String),
}

/// The keys of an event's texts that are or were in the store, but those `known` already.
///
/// A key counts for a case only if it opens a text of the case: whoever writes another region's
/// events can name any key in them, and must not get it granted or destroyed by that.
pub(crate) fn named_keys(
    store: &KeyStore,
    case: CaseId,
    event: &Recorded,
    known: impl Fn(&KeyId) -> bool,
) -> Result<Vec<NamedKey>, PolicyError> {
    let mut named = Vec::new();
    for Found { sealed, .. } in sealed_texts(event) {
        if known(&sealed.key) {
            continue;
        }
        let proof = match store.get(sealed.key) {
            Ok(key) if vault::open(case, &key, &sealed).is_ok() => Proof::Opens,
            Ok(_) => {
                tracing::warn!(event = %event.envelope.id, key = %sealed.key, "no text of this key");
                continue;
            }
            Err(KeyStoreError::Destroyed(key)) if store.erased_with(key) == Some(case) => {
                Proof::Erased
            }
            // Another region's key that was not granted, or one that went with another case.
            Err(KeyStoreError::Unknown(_) | KeyStoreError::Destroyed(_)) => continue,
            Err(damaged @ KeyStoreError::Damaged { .. }) => Proof::Damaged(damaged.to_string()),
            Err(error) => return Err(PolicyError::Failed(error.to_string())),
        };
        named.push(NamedKey {
            key: sealed.key,
            protects: (sealed.role, sealed.class),
            proof,
        });
    }
    Ok(named)
}

fn scan(value: &Value, field: &str, found: &mut Vec<Found>) {
    match value {
        Value::Object(inner) if inner.contains_key("ciphertext") => {
            // Granted keys have a ciphertext too, but nothing else of a sealed text.
            if let Ok(sealed) = serde_json::from_value(value.clone()) {
                let field = field.to_owned();
                found.push(Found { field, sealed });
            }
        }
        Value::Object(inner) => {
            for (name, value) in inner {
                scan(value, &below(field, name), found);
            }
        }
        Value::Array(inner) => {
            for (index, value) in inner.iter().enumerate() {
                scan(value, &below(field, &index.to_string()), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn below(field: &str, name: &str) -> String {
    if field.is_empty() {
        name.to_owned()
    } else {
        format!("{field}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(data: &Value) -> Vec<String> {
        let mut found = Vec::new();
        scan(data, "", &mut found);
        found.into_iter().map(|text| text.field).collect()
    }

    fn sealed() -> Value {
        json!({
            "suite": 1, "key": "310000-01999999-9999-7999-8999-999999999999",
            "role": "Subject", "class": "Narrative",
            "stream": "intake/310000-01999999-9999-7999-8999-999999999999", "event": "ContactRecorded", "field": "narrative",
            "commitment": "00", "nonce": "00", "ciphertext": "00",
        })
    }

    #[test]
    fn texts_are_found_however_deep_they_stand() {
        let data = json!({
            "narrative": sealed(),
            "subject": { "identity": sealed(), "age": 17 },
            "notes": [sealed(), null, { "note": sealed() }],
        });
        let mut found = fields(&data);
        found.sort();
        let expected = ["narrative", "notes.0", "notes.2.note", "subject.identity"];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_granted_key_is_no_text() {
        let data = json!({ "keys": [{ "key": "k", "encapsulated": "00", "ciphertext": "00" }] });
        assert!(fields(&data).is_empty());
    }
}
