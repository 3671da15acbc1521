//! Every event as a sentence, in Chinese and in English, without personal data.
//!
//! One file per context; each matches every event of its aggregates, so that a new event without a
//! sentence does not compile.

mod caseteam;
mod followup;
mod intake;
mod keys;
mod policy;
mod referral;

use directory_view::DirectoryView;
use domain::caseteam::CaseTeam;
use domain::followup::FollowUpPlan;
use domain::ids::OrganizationId;
use domain::intake::Intake;
use domain::keys::{Erasure, KeyGrant, KeyReceipt, PublishedKey, TextAccess};
use domain::referral::{Assignment, Custody, Referral, RelayWatch};
use domain::values::{Party, Term};
use eventsourcing::{Aggregate, Recorded, Region, UnknownEvent, decode};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

pub(crate) use policy::rule;

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

/// What a sentence needs besides its event: names of organizations as the directory has them now,
/// and the year that goes without saying.
pub(crate) struct Names<'a> {
    directory: Option<&'a DirectoryView>,
    year: Option<i16>,
}

impl<'a> Names<'a> {
    pub(crate) fn of(directory: &'a DirectoryView) -> Self {
        Self {
            directory: Some(directory),
            year: None,
        }
    }

    /// No directory: every organization is one that is not in it.
    fn none() -> Self {
        Self {
            directory: None,
            year: None,
        }
    }

    fn for_event(&self, event: &Recorded) -> Self {
        Self {
            directory: self.directory,
            year: Some(in_china(event.envelope.recordedtime).year()),
        }
    }
}

impl Names<'_> {
    pub(crate) fn organization(&self, id: OrganizationId) -> Line {
        match self.directory.and_then(|known| known.organization(id)) {
            Some(known) => Line::new(known.name.zh(), known.name.en()),
            None => Line::new("名录外单位", "an organization not in the directory"),
        }
    }

    /// A region by the name of the committee that speaks for it.
    fn region(&self, region: Region) -> Line {
        match self.directory.and_then(|known| known.committee(region)) {
            Some(unit) => self.unit(unit),
            None => Line::new("名录外地区", "a region not in the directory"),
        }
    }

    /// `11-21 20:15`: the day and the minute in China, with the year when it is not the event's.
    fn moment(&self, at: Timestamp) -> String {
        let at = in_china(at);
        let form = if self.year == Some(at.year()) {
            "%m-%d %H:%M"
        } else {
            "%Y-%m-%d %H:%M"
        };
        at.strftime(form).to_string()
    }

    fn unit(&self, unit: Party) -> Line {
        self.organization(unit.organization)
    }
}

/// The line of an event; one that this program does not know is shown by its name, not hidden.
pub(crate) fn line(event: &Recorded, names: &Names<'_>) -> Line {
    known_line(event, names).unwrap_or_else(|| unknown(event))
}

/// Whether this program knows the event.
pub(crate) fn is_known(event: &Recorded) -> bool {
    known_line(event, &Names::none()).is_some()
}

fn known_line(event: &Recorded, names: &Names<'_>) -> Option<Line> {
    let names = &names.for_event(event);
    let known = match event.envelope.subject.kind.as_str() {
        Intake::KIND => of::<Intake>(event, |event| intake::line(event, names)),
        Referral::KIND => of::<Referral>(event, |event| referral::of_referral(event, names)),
        Assignment::KIND => of::<Assignment>(event, |event| referral::of_assignment(event, names)),
        Custody::KIND => of::<Custody>(event, |event| referral::of_custody(event, names)),
        RelayWatch::KIND => of::<RelayWatch>(event, |event| referral::of_watch(event, names)),
        CaseTeam::KIND => of::<CaseTeam>(event, |event| caseteam::line(event, names)),
        FollowUpPlan::KIND => of::<FollowUpPlan>(event, |event| followup::line(event, names)),
        PublishedKey::KIND => {
            of::<PublishedKey>(event, |event| keys::of_published_key(event, names))
        }
        KeyGrant::KIND => of::<KeyGrant>(event, |event| keys::of_grant(event, names)),
        KeyReceipt::KIND => of::<KeyReceipt>(event, keys::of_receipt),
        TextAccess::KIND => of::<TextAccess>(event, |event| keys::of_access(event, names)),
        Erasure::KIND => of::<Erasure>(event, keys::of_erasure),
        "policy" => return policy::line(event),
        _ => return None,
    };
    known.ok()
}

fn of<A: Aggregate>(
    event: &Recorded,
    line: impl FnOnce(&A::Event) -> Line,
) -> Result<Line, UnknownEvent> {
    Ok(line(&decode::<A>(&event.envelope)?))
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

fn in_china(at: Timestamp) -> Zoned {
    at.to_zoned(TimeZone::fixed(CHINA))
}

/// Terms in a row, in both languages; what stands for none of them is the caller's to say.
fn list<T: Term>(terms: impl IntoIterator<Item = T>) -> Line {
    let terms: Vec<T> = terms.into_iter().collect();
    let zh: Vec<&str> = terms.iter().map(|term| term.zh()).collect();
    let en: Vec<String> = terms.iter().map(|term| words(*term)).collect();
    Line::new(zh.join("、"), en.join(", "))
}

#[cfg(test)]
mod tests;
