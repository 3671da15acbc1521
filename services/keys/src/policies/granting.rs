//! Who may have which keys of a case, as its events say so far.

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::{CaseId, KeyId};
use domain::keys::{GrantTerms, Purpose};
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
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Granting {
    pub(super) keys: BTreeMap<KeyId, Protects>,
    pub(super) standing: BTreeMap<Region, Standing>,
    /// Not honoured (yet): logs come in any order.
    pub(super) claims: Vec<Claim>,
}

/// What another log says that would bring a region keys. Nobody helps themselves to a case: it counts
/// once the region that says so has been sent the case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Claim {
    Dispatched {
        from: Region,
        to: Region,
        basis: DisclosureBasis,
        at: Timestamp,
    },
    Accepted {
        by: Region,
        at: Timestamp,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Standing {
    pub(super) terms: GrantTerms,
    pub(super) delivered: BTreeSet<KeyId>,
    /// Whether the terms are in the log as they are here.
    pub(super) recorded: bool,
}

impl Granting {
    /// What a region writes about another region's case, that region may read as long as it exists.
    pub(super) fn hand_home(&mut self, case: CaseId) {
        self.widen(GrantTerms {
            case,
            to: case.region(),
            classes: SealedClass::ALL.iter().copied().collect(),
            basis: DisclosureBasis::LegalDuty,
            reason: None,
            purpose: Purpose::CaseHandling,
            expires_at: None,
        });
    }

    /// Until no further claim counts: one that does may let others count.
    pub(super) fn honour_claims(&mut self, case: CaseId) {
        let mut waiting = self.claims.len() + 1;
        while self.claims.len() < waiting {
            waiting = self.claims.len();
            for claim in std::mem::take(&mut self.claims) {
                if !self.honour(case, &claim) {
                    self.claims.push(claim);
                }
            }
        }
    }

    /// Whether the claim is settled.
    fn honour(&mut self, case: CaseId, claim: &Claim) -> bool {
        let home = case.region();
        match *claim {
            // What happens at home needs no grant.
            Claim::Dispatched { to: region, .. } | Claim::Accepted { by: region, .. }
                if region == home =>
            {
                true
            }
            Claim::Dispatched {
                from,
                to,
                basis,
                at,
            } => {
                let counts = from == home || self.standing.contains_key(&from);
                if counts {
                    self.dispatched(case, to, basis, at);
                }
                counts
            }
            Claim::Accepted { by, at } => {
                let standing = self.standing.get(&by);
                let terms = standing.map(|standing| standing.terms.clone());
                let counts = terms.is_some();
                if let Some(terms) = terms {
                    self.widen(GrantTerms {
                        classes: SealedClass::ALL.iter().copied().collect(),
                        purpose: Purpose::CaseHandling,
                        expires_at: Some(at + HANDLING_FOR),
                        ..terms
                    });
                }
                counts
            }
        }
    }

    fn dispatched(&mut self, case: CaseId, to: Region, basis: DisclosureBasis, at: Timestamp) {
        let known = self.standing.get(&to);
        let purpose = known.map_or(Purpose::ReferralDecision, |known| known.terms.purpose);
        self.widen(GrantTerms {
            case,
            to,
            classes: [SealedClass::Summary].into(),
            basis,
            reason: None,
            purpose,
            expires_at: Some(at + DECIDING_FOR),
        });
    }

    fn widen(&mut self, terms: GrantTerms) {
        match self.standing.get_mut(&terms.to) {
            None => {
                let standing = Standing {
                    terms,
                    delivered: BTreeSet::new(),
                    recorded: false,
                };
                self.standing.insert(standing.terms.to, standing);
            }
            Some(standing) => {
                let widened = standing.terms.widened_by(&terms);
                standing.recorded &= widened == standing.terms;
                standing.terms = widened;
            }
        }
    }

    /// What a person granted stands in the log already. What this policy granted it knows, unless
    /// its rows are being rebuilt: then the log tells, and it is not granted again.
    pub(super) fn granted(&mut self, terms: &GrantTerms, keys: &[KeyId], by_person: bool) {
        let known = self.standing.get(&terms.to);
        if !by_person && known.is_some_and(|known| !known.is_widened_by(terms, keys)) {
            return;
        }
        self.widen(terms.clone());
        if let Some(standing) = self.standing.get_mut(&terms.to) {
            standing.recorded |= standing.terms == *terms;
            standing.delivered.extend(keys);
        }
    }
}

impl Standing {
    fn is_widened_by(&self, terms: &GrantTerms, keys: &[KeyId]) -> bool {
        !terms.classes.is_subset(&self.terms.classes)
            || terms.expires_at > self.terms.expires_at
            || keys.iter().any(|key| !self.delivered.contains(key))
    }

    /// The keys it may have and has not got. Its own it has.
    pub(super) fn owed(&self, keys: &BTreeMap<KeyId, Protects>) -> Vec<(KeyId, Protects)> {
        let owed = keys.iter().filter(|(key, (_, class))| {
            self.terms.classes.contains(class)
                && !self.delivered.contains(*key)
                && key.region() != self.terms.to
        });
        owed.map(|(key, protects)| (*key, *protects)).collect()
    }
}

#[cfg(test)]
mod tests {
    use domain::sealed::PersonRole;
    use eventsourcing::ScopedId;
    use uuid::Uuid;

    use super::*;

    const SHANGHAI: &str = "310000";
    const CENTRAL: &str = "100000";
    const QINGDAO: &str = "370200";

    fn region(code: &str) -> Region {
        code.parse().unwrap()
    }

    fn id(code: &str, number: u128) -> ScopedId {
        ScopedId::new(region(code), Uuid::from_u128(number))
    }

    fn case() -> CaseId {
        CaseId(id(SHANGHAI, 1))
    }

    fn dispatched(from: &str, to: &str) -> Claim {
        Claim::Dispatched {
            from: region(from),
            to: region(to),
            basis: DisclosureBasis::Emergency,
            at: Timestamp::UNIX_EPOCH,
        }
    }

    fn accepted(by: &str) -> Claim {
        Claim::Accepted {
            by: region(by),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    fn after(claims: &[Claim]) -> Granting {
        let mut granting = Granting::default();
        for claim in claims {
            granting.claims.push(claim.clone());
            granting.honour_claims(case());
        }
        granting
    }

    fn classes(granting: &Granting, to: &str) -> Vec<SealedClass> {
        let standing = granting.standing.get(&region(to));
        standing
            .into_iter()
            .flat_map(|standing| standing.terms.classes.iter().copied())
            .collect()
    }

    #[test]
    fn in_whatever_order_the_logs_come_the_same_grants_stand() {
        let claims = [
            dispatched(SHANGHAI, CENTRAL),
            dispatched(CENTRAL, QINGDAO),
            accepted(QINGDAO),
        ];
        let orders = [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ];
        for order in orders {
            let granting = after(&order.map(|index| claims[index].clone()));
            assert_eq!(classes(&granting, CENTRAL), [SealedClass::Summary]);
            assert_eq!(classes(&granting, QINGDAO), SealedClass::ALL);
            let terms = &granting.standing[&region(QINGDAO)].terms;
            assert_eq!(terms.purpose, Purpose::CaseHandling);
            assert_eq!(terms.basis, DisclosureBasis::Emergency);
            assert_eq!(granting.claims, []);
        }
    }

    #[test]
    fn a_region_that_was_not_sent_the_case_cannot_bring_itself_in() {
        let granting = after(&[dispatched(QINGDAO, QINGDAO), accepted(QINGDAO)]);
        assert!(granting.standing.is_empty());
        assert_eq!(granting.claims.len(), 2);
    }

    #[test]
    fn a_further_dispatch_after_the_acceptance_takes_nothing_back() {
        let granting = after(&[
            dispatched(SHANGHAI, QINGDAO),
            accepted(QINGDAO),
            dispatched(SHANGHAI, QINGDAO),
        ]);
        let terms = &granting.standing[&region(QINGDAO)].terms;
        assert_eq!(terms.purpose, Purpose::CaseHandling);
        assert_eq!(terms.expires_at, Some(Timestamp::UNIX_EPOCH + HANDLING_FOR));
        assert_eq!(terms.classes.len(), 3);
    }

    #[test]
    fn a_receiver_is_owed_keys_of_its_classes_that_it_has_not_got_and_did_not_make() {
        let mut granting = after(&[dispatched(SHANGHAI, QINGDAO)]);
        let summary = (PersonRole::Subject, SealedClass::Summary);
        let narrative = (PersonRole::Subject, SealedClass::Narrative);
        let keys = [
            (KeyId(id(SHANGHAI, 1)), summary),
            (KeyId(id(SHANGHAI, 2)), summary),
            (KeyId(id(SHANGHAI, 3)), narrative),
            (KeyId(id(QINGDAO, 4)), summary),
        ];
        granting.keys.extend(keys);
        let standing = granting.standing.get_mut(&region(QINGDAO)).unwrap();
        standing.delivered.insert(KeyId(id(SHANGHAI, 1)));
        let owed = granting.standing[&region(QINGDAO)].owed(&granting.keys);
        assert_eq!(owed, [(KeyId(id(SHANGHAI, 2)), summary)]);
    }

    #[test]
    fn what_a_person_granted_stands_in_the_log_already() {
        let mut granting = Granting::default();
        granting.hand_home(case());
        assert!(!granting.standing[&region(SHANGHAI)].recorded);
        let terms = granting.standing[&region(SHANGHAI)].terms.clone();
        granting.granted_by_person(&terms);
        assert!(granting.standing[&region(SHANGHAI)].recorded);
    }
}
