//! Every event as a sentence, in Chinese and in English, without personal data.
//!
//! One file per context; each matches every event of its aggregates, so that a new event without a
//! sentence does not compile.

mod caseteam;
mod followup;
mod intake;
mod keys;
mod referral;

use directory_view::DirectoryView;
use domain::caseteam::CaseTeam;
use domain::followup::FollowUpPlan;
use domain::ids::OrganizationId;
use domain::intake::Intake;
use domain::keys::{Erasure, KeyGrant, KeyReceipt, PublishedKey, TextAccess};
use domain::referral::{Assignment, Custody, Referral};
use domain::values::{Party, Term};
use eventsourcing::{Aggregate, Recorded, Region, UnknownEvent, decode};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// People read China's time, wherever the server stands.
const CHINA: Offset = jiff::tz::offset(8);

/// One event as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) zh: String,
    pub(crate) en: String,
    /// One log takes note of another: a reader in a hurry skips it.
    pub(crate) bookkeeping: bool,
}

impl Line {
    fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self {
            zh: zh.into(),
            en: en.into(),
            bookkeeping: false,
        }
    }

    fn noted(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self {
            bookkeeping: true,
            ..Self::new(zh, en)
        }
    }
}

/// Names of organizations as the directory has them now.
pub(crate) struct Names<'a>(pub(crate) &'a DirectoryView);

impl Names<'_> {
    pub(crate) fn organization(&self, id: OrganizationId) -> Line {
        match self.0.organization(id) {
            Some(known) => Line::new(known.name.zh(), known.name.en()),
            None => Line::new(id.to_string(), id.to_string()),
        }
    }

    /// A region by the name of the committee that speaks for it.
    fn region(&self, region: Region) -> Line {
        match self.0.committee(region) {
            Some(unit) => self.unit(unit),
            None => Line::new(region.as_str(), region.as_str()),
        }
    }

    fn unit(&self, unit: Party) -> Line {
        self.organization(unit.organization)
    }
}

/// The line of an event; one that this program does not know is shown by its name, not hidden.
pub(crate) fn line(event: &Recorded, names: &Names<'_>) -> Line {
    let known = match event.envelope.subject.kind.as_str() {
        Intake::KIND => of::<Intake>(event, |event| intake::line(event, names)),
        Referral::KIND => of::<Referral>(event, |event| referral::of_referral(event, names)),
        Assignment::KIND => of::<Assignment>(event, |event| referral::of_assignment(event, names)),
        Custody::KIND => of::<Custody>(event, |event| referral::of_custody(event, names)),
        CaseTeam::KIND => of::<CaseTeam>(event, |event| caseteam::line(event, names)),
        FollowUpPlan::KIND => of::<FollowUpPlan>(event, |event| followup::line(event, names)),
        PublishedKey::KIND => {
            of::<PublishedKey>(event, |event| keys::of_published_key(event, names))
        }
        KeyGrant::KIND => of::<KeyGrant>(event, |event| keys::of_grant(event, names)),
        KeyReceipt::KIND => of::<KeyReceipt>(event, keys::of_receipt),
        TextAccess::KIND => of::<TextAccess>(event, |event| keys::of_access(event, names)),
        Erasure::KIND => of::<Erasure>(event, keys::of_erasure),
        "policy" => Ok(of_policy(event)),
        _ => Ok(unknown(event)),
    };
    known.unwrap_or_else(|_| unknown(event))
}

fn of<A: Aggregate>(
    event: &Recorded,
    line: impl FnOnce(&A::Event) -> Line,
) -> Result<Line, UnknownEvent> {
    Ok(line(&decode::<A>(&event.envelope)?))
}

/// A rule of the system that did not act, or an event that an operator gave up on.
fn of_policy(event: &Recorded) -> Line {
    let text = |field: &str| {
        event.envelope.data[field]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let (policy, reason) = (text("policy"), text("reason"));
    if event.envelope.event_type.ends_with(".PolicySkipped") {
        return Line::new(
            format!("管理员决定跳过规则“{policy}”：{reason}"),
            format!("An administrator skipped the rule {policy}: {reason}"),
        );
    }
    Line::noted(
        format!("规则“{policy}”未执行：{reason}"),
        format!("The rule {policy} did not act: {reason}"),
    )
}

fn unknown(event: &Recorded) -> Line {
    let event_type = &event.envelope.event_type;
    Line::new(
        format!("未知事件 {event_type}"),
        format!("Unknown event {event_type}"),
    )
}

/// `PsychologicalSupport` as "psychological support".
fn words(term: impl Term) -> String {
    let mut words = String::new();
    for letter in term.name().chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

/// `11-21 20:15`: the day and the minute in China.
fn moment(at: Timestamp) -> String {
    at.to_zoned(TimeZone::fixed(CHINA))
        .strftime("%m-%d %H:%M")
        .to_string()
}

/// Terms in a row, in both languages; what stands for none of them is the caller's to say.
fn list<T: Term>(terms: impl IntoIterator<Item = T>) -> Line {
    let terms: Vec<T> = terms.into_iter().collect();
    let zh: Vec<&str> = terms.iter().map(|term| term.zh()).collect();
    let en: Vec<String> = terms.iter().map(|term| words(*term)).collect();
    Line::new(zh.join("、"), en.join(", "))
}
