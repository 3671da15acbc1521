//! What the relay does about a hop that it neither sends nor receives: it watches the due times, and
//! where neither the receiver nor the sender's clock is heard of in time, it says so. It decides
//! nothing: the hop stays with those whose it is.

use std::sync::Arc;

use eventsourcing::{Actor, Aggregate, Fact, Occasion, Rejection, RejectionKind};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::CONTEXT;
use crate::directory::RuleSet;
use crate::ids::ReferralId;
use crate::values::{Party, RiskLevel};

#[derive(Debug, Clone, PartialEq)]
pub enum RelayWatchCommand {
    /// By the system: nothing was heard of the owner, as far as this region knows.
    RaiseSilence {
        hop: ReferralId,
        /// Who owes the answer.
        owner: Party,
        due_at: Timestamp,
        risk: RiskLevel,
        rules: Arc<RuleSet>,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum RelayWatchEvent {
    OwnerSilent {
        hop: ReferralId,
        owner: Party,
        due_at: Timestamp,
        rules_version: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelayWatchRejection {
    #[error("only the system watches due times")]
    NotSystem,
    #[error("the owner may still answer until {0}")]
    NotYet(Timestamp),
    #[error("this silence has been raised already")]
    AlreadyRaised,
}

impl Rejection for RelayWatchRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotSystem => RejectionKind::Forbidden,
            Self::NotYet(_) => RejectionKind::WrongState,
            Self::AlreadyRaised => RejectionKind::AlreadyExists,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotSystem => "SYSTEM_ONLY",
            Self::NotYet(_) => "NOT_YET_SILENT",
            Self::AlreadyRaised => "ALREADY_RAISED",
        }
    }

    fn zh(&self) -> String {
        match self {
            Self::NotSystem => "时限只能由系统监看".to_owned(),
            Self::NotYet(until) => format!("责任单位在 {until} 前仍可答复"),
            Self::AlreadyRaised => "已提示责任单位未答复".to_owned(),
        }
    }
}

impl Fact for RelayWatchEvent {
    fn rules_version(&self) -> Option<&str> {
        let Self::OwnerSilent { rules_version, .. } = self;
        Some(rules_version)
    }
}

/// Which silences about one hop have been raised here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RelayWatch {
    /// The due time of the last one.
    raised_for: Option<Timestamp>,
}

impl Aggregate for RelayWatch {
    const CONTEXT: &'static str = CONTEXT;
    const KIND: &'static str = "relaywatch";
    type Command = RelayWatchCommand;
    type Event = RelayWatchEvent;
    type Rejection = RelayWatchRejection;

    fn decide(
        &self,
        command: &RelayWatchCommand,
        on: &Occasion,
    ) -> Result<Vec<RelayWatchEvent>, RelayWatchRejection> {
        let RelayWatchCommand::RaiseSilence {
            hop,
            owner,
            due_at,
            risk,
            rules,
        } = command;
        if !matches!(on.actor, Actor::System { .. }) {
            return Err(RelayWatchRejection::NotSystem);
        }
        if self.raised_for == Some(*due_at) {
            return Err(RelayWatchRejection::AlreadyRaised);
        }
        let until = silent_from(*due_at, *risk, rules);
        if on.now < until {
            return Err(RelayWatchRejection::NotYet(until));
        }
        Ok(vec![RelayWatchEvent::OwnerSilent {
            hop: *hop,
            owner: *owner,
            due_at: *due_at,
            rules_version: rules.version.clone(),
        }])
    }

    fn evolve(&mut self, event: &RelayWatchEvent) {
        let RelayWatchEvent::OwnerSilent { due_at, .. } = event;
        self.raised_for = Some(*due_at);
    }
}

/// News of an answer, or of the sender's own clock, may take this long after the due time.
pub fn silent_from(due_at: Timestamp, risk: RiskLevel, rules: &RuleSet) -> Timestamp {
    rules.due(rules.relay_grace.of(risk), due_at)
}

#[cfg(test)]
mod tests {
    use eventsourcing::testing::given;

    use super::*;
    use crate::referral::samples::*;
    use crate::values::Role;

    fn raise(due_at: Timestamp) -> RelayWatchCommand {
        RelayWatchCommand::RaiseSilence {
            hop: hop(1),
            owner: unit(QINGDAO),
            due_at,
            risk: RiskLevel::High,
            rules: rules(),
        }
    }

    fn silent(due_at: Timestamp) -> RelayWatchEvent {
        RelayWatchEvent::OwnerSilent {
            hop: hop(1),
            owner: unit(QINGDAO),
            due_at,
            rules_version: "2026-01".to_owned(),
        }
    }

    #[test]
    fn an_owners_silence_is_raised_once_for_each_due_time_after_some_grace() {
        given::<RelayWatch>([])
            .by(system())
            .at(at(254))
            .when(raise(at(240)))
            .then_rejected(RelayWatchRejection::NotYet(at(255)));
        given::<RelayWatch>([])
            .by(system())
            .at(at(255))
            .when(raise(at(240)))
            .then([silent(at(240))]);
        given::<RelayWatch>([silent(at(240))])
            .by(system())
            .at(at(255))
            .when(raise(at(240)))
            .then_rejected(RelayWatchRejection::AlreadyRaised);
        given::<RelayWatch>([silent(at(240))])
            .by(system())
            .at(at(500))
            .when(raise(at(480)))
            .then([silent(at(480))]);
    }

    #[test]
    fn no_person_raises_it() {
        given::<RelayWatch>([])
            .by(acting(CENTRAL, Role::Supervisor))
            .at(at(600))
            .when(raise(at(240)))
            .then_rejected(RelayWatchRejection::NotSystem);
    }
}
