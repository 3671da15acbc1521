//! Who may have which keys of a case, as its events say so far.

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::{CaseId, KeyId, ReferralId};
use domain::keys::{DeliveredKey, GrantTerms, Purpose};
use domain::sealed::SealedClass;
use domain::values::{DisclosureBasis, Term};
use eventsourcing::Region;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::sealed_texts::Protects;

// How long a grant lasts. To change one is a new version of the rule: raise `Policy::version`.
/// To decide about a hop: the longest limit to answer is five working days, and a late acceptance
/// is still honoured.
const DECIDING_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// To handle a case: the longest follow-up template runs two years; an acceptance begins it anew.
const HANDLING_FOR: SignedDuration = SignedDuration::from_hours(3 * 365 * 24);

/// What is known of a case: its keys that are in the store here, and who may have them.
///
/// Only what the logs say, none of it derived: so it is the same in whatever order they are read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Granting {
    pub(super) keys: BTreeMap<KeyId, Protects>,
    /// By the hop's id at its sender.
    hops: BTreeMap<ReferralId, Hop>,
    by_person: BTreeMap<Region, GrantTerms>,
    /// What the own log says was granted.
    granted: BTreeMap<Region, Granted>,
    /// What the receivers' logs say has arrived.
    received: BTreeMap<Region, BTreeSet<KeyId>>,
}

/// What one log says of a hop. Nobody helps themselves to a case: a dispatch counts once its sender
/// has been sent the case, an acceptance only by the receiver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Claim {
    Dispatched {
        hop: ReferralId,
        to: Region,
        basis: DisclosureBasis,
        at: Timestamp,
    },
    Accepted {
        hop: ReferralId,
        by: Region,
        at: Timestamp,
    },
    /// Returned, cancelled, or its acceptance was void: for good.
    Ended { hop: ReferralId, by: Region },
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Hop {
    sent: Option<Sent>,
    /// By whoever says so.
    accepted: BTreeMap<Region, Timestamp>,
    ended: BTreeSet<Region>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Sent {
    to: Region,
    basis: DisclosureBasis,
    at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Granted {
    terms: GrantTerms,
    /// And the public key that each was wrapped for last.
    delivered: BTreeMap<KeyId, String>,
}

impl Granting {
    pub(super) fn claim(&mut self, claim: &Claim) {
        match *claim {
            Claim::Dispatched { hop, to, basis, at } => {
                let sent = Some(Sent { to, basis, at });
                self.hops.entry(hop).or_default().sent = sent;
            }
            Claim::Accepted { hop, by, at } => {
                let hop = self.hops.entry(hop).or_default();
                hop.accepted.entry(by).or_insert(at);
            }
            Claim::Ended { hop, by } => {
                self.hops.entry(hop).or_default().ended.insert(by);
            }
        }
    }

    /// A grant that the own log has.
    pub(super) fn granted(&mut self, terms: &GrantTerms, keys: &[DeliveredKey], by_person: bool) {
        if by_person {
            self.by_person.insert(terms.to, terms.clone());
        }
        let granted = self.granted.entry(terms.to).or_insert_with(|| Granted {
            terms: terms.clone(),
            delivered: BTreeMap::new(),
        });
        granted.terms = terms.clone();
        let keys = keys.iter().map(|key| (key.key, key.wrapped_for.clone()));
        granted.delivered.extend(keys);
    }

    pub(super) fn received(&mut self, by: Region, keys: impl IntoIterator<Item = KeyId>) {
        self.received.entry(by).or_default().extend(keys);
    }

    /// Who may have keys of the case, and on which terms, at a moment. In the case's own region: to
    /// whom it was sent. Anywhere else: that region, of whatever is written about its case.
    pub(super) fn entitled(
        &self,
        case: CaseId,
        own: Region,
        now: Timestamp,
    ) -> BTreeMap<Region, GrantTerms> {
        let home = case.region();
        if own != home {
            let to_home = (!self.keys.is_empty()).then(|| (home, hands_home(case)));
            return to_home.into_iter().collect();
        }
        let mut entitled: BTreeMap<Region, GrantTerms> = BTreeMap::new();
        let by_person = self.by_person.values().cloned();
        for terms in by_person.chain(self.by_hops(case)) {
            if terms.to == home || terms.expires_at.is_some_and(|end| end <= now) {
                continue;
            }
            let widened = match entitled.get(&terms.to) {
                Some(known) => known.widened_by(&terms),
                None => terms,
            };
            entitled.insert(widened.to, widened);
        }
        entitled
    }

    /// What the hops entitle to that count and have not ended, oldest first.
    fn by_hops(&self, case: CaseId) -> Vec<GrantTerms> {
        let home = case.region();
        let parties: BTreeSet<Region> = self.hops.values().filter_map(Hop::to).collect();
        let lives = |hop: &ReferralId, of: &Hop| {
            let may_end = |by: &Region| *by == home || *by == hop.region() || parties.contains(by);
            !of.ended.iter().any(may_end)
        };
        let live = self.hops.iter().filter(|(hop, of)| lives(hop, of));
        let live: Vec<_> = live
            .filter_map(|(hop, of)| of.sent.map(|sent| (hop.region(), sent, of)))
            .collect();
        let mut has_it: BTreeSet<Region> = [home].into();
        loop {
            let counting = live.iter().filter(|(from, ..)| has_it.contains(from));
            let reached: BTreeSet<Region> = counting.map(|(_, sent, _)| sent.to).collect();
            if reached.is_subset(&has_it) {
                break;
            }
            has_it.extend(reached);
        }
        let mut terms: Vec<(Timestamp, GrantTerms)> = Vec::new();
        for (from, sent, of) in live {
            if !has_it.contains(&from) {
                continue;
            }
            terms.push((sent.at, to_decide(case, sent)));
            if let Some(at) = of.accepted.get(&sent.to) {
                terms.push((*at, to_handle(case, sent, *at)));
            }
        }
        // A further dispatch takes nothing back from who handles the case.
        terms.sort_by_key(|(at, terms)| (terms.purpose, *at));
        terms.into_iter().map(|(_, terms)| terms).collect()
    }

    /// The keys that a receiver may have and, as far as is known here, has not got. Its own it has.
    /// One that it has not confirmed is owed again once it has published another public key.
    pub(super) fn owed(
        &self,
        terms: &GrantTerms,
        public_key: Option<&str>,
    ) -> Vec<(KeyId, Protects)> {
        let wrapped_for = |key: &KeyId| {
            let granted = self.granted.get(&terms.to)?;
            granted.delivered.get(key).map(String::as_str)
        };
        let owed = self.keys.iter().filter(|(key, (_, class))| {
            terms.classes.contains(class)
                && key.region() != terms.to
                && !self.has_arrived(terms.to, key)
                && wrapped_for(key).is_none_or(|wrapped_for| Some(wrapped_for) != public_key)
        });
        owed.map(|(key, protects)| (*key, *protects)).collect()
    }

    /// Whether all keys that a receiver may have are known to have arrived.
    pub(super) fn all_arrived(&self, terms: &GrantTerms) -> bool {
        self.keys.iter().all(|(key, (_, class))| {
            !terms.classes.contains(class)
                || key.region() == terms.to
                || self.has_arrived(terms.to, key)
        })
    }

    fn has_arrived(&self, at: Region, key: &KeyId) -> bool {
        let received = self.received.get(&at);
        received.is_some_and(|received| received.contains(key))
    }

    /// Whether the log has a grant that covers these terms.
    pub(super) fn is_recorded(&self, terms: &GrantTerms) -> bool {
        self.granted.get(&terms.to).is_some_and(|granted| {
            let standing = &granted.terms;
            let until = |end: Option<Timestamp>| end.unwrap_or(Timestamp::MAX);
            terms.classes.is_subset(&standing.classes)
                && until(terms.expires_at) <= until(standing.expires_at)
        })
    }
}

impl Hop {
    fn to(&self) -> Option<Region> {
        self.sent.map(|sent| sent.to)
    }
}

fn to_decide(case: CaseId, sent: Sent) -> GrantTerms {
    GrantTerms {
        case,
        to: sent.to,
        classes: [SealedClass::Summary].into(),
        basis: sent.basis,
        reason: None,
        purpose: Purpose::ReferralDecision,
        expires_at: Some(sent.at + DECIDING_FOR),
    }
}

fn to_handle(case: CaseId, sent: Sent, at: Timestamp) -> GrantTerms {
    GrantTerms {
        classes: SealedClass::ALL.iter().copied().collect(),
        purpose: Purpose::CaseHandling,
        expires_at: Some(at + HANDLING_FOR),
        ..to_decide(case, sent)
    }
}

/// What a region writes about another region's case, that region may read as long as it exists.
fn hands_home(case: CaseId) -> GrantTerms {
    GrantTerms {
        case,
        to: case.region(),
        classes: SealedClass::ALL.iter().copied().collect(),
        basis: DisclosureBasis::LegalDuty,
        reason: None,
        purpose: Purpose::CaseHandling,
        expires_at: None,
    }
}

#[cfg(test)]
mod tests;
