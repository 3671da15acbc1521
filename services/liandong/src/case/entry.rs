//! One line of a timeline, for programs and for people.

use proto::timeline::v1 as pb;
use serde::Serialize;

use super::said;
use crate::moment::{beijing, rfc3339};
use crate::output::Lang;

/// An entry, as programs get it.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    event_id: String,
    case_id: Option<String>,
    event_type: String,
    region: String,
    stream: String,
    version: u64,
    log: String,
    position: u64,
    hash: String,
    order: String,
    occurred_at: Option<String>,
    recorded_at: Option<String>,
    actor: Actor,
    caused_by: Option<String>,
    text_zh: String,
    text_en: String,
    /// One log takes note of what another has recorded.
    pub(super) bookkeeping: bool,
    #[serde(skip)]
    recorded_shown: String,
}

/// A person of an organization in a role, or a rule of the system.
#[derive(Debug, Serialize)]
struct Actor {
    person: Option<String>,
    organization: Option<String>,
    organization_zh: Option<String>,
    organization_en: Option<String>,
    role: Option<String>,
    role_zh: Option<String>,
    rule: Option<String>,
}

impl From<pb::Entry> for Entry {
    fn from(of: pb::Entry) -> Self {
        let actor = of.actor.unwrap_or_default();
        Self {
            event_id: of.event_id,
            case_id: said(of.case_id),
            event_type: of.event_type,
            region: of.region,
            stream: of.stream,
            version: of.version,
            log: of.log,
            position: of.position,
            hash: of.hash,
            order: of.order,
            occurred_at: rfc3339(of.occurred_at),
            recorded_at: rfc3339(of.recorded_at),
            actor: Actor {
                person: said(actor.person),
                organization: said(actor.organization),
                organization_zh: said(actor.organization_zh),
                organization_en: said(actor.organization_en),
                role: said(actor.role),
                role_zh: said(actor.role_zh),
                rule: said(actor.rule),
            },
            caused_by: said(of.caused_by),
            text_zh: of.text_zh,
            text_en: of.text_en,
            bookkeeping: of.bookkeeping,
            recorded_shown: beijing(of.recorded_at),
        }
    }
}

impl Entry {
    /// When, where it stands, what happened.
    pub(super) fn row(&self, lang: Lang) -> Vec<String> {
        vec![
            self.recorded_shown.clone(),
            format!("{}@{}", self.log, self.position),
            lang.pick(&self.text_zh, &self.text_en).to_owned(),
        ]
    }
}
