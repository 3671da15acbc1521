//! What a region has seen of another's log, on record where that other region cannot change it: nobody
//! rewrites his past unseen, and who could know what when is known.

use eventsourcing::{
    Actor, Aggregate, Checkpoint, Fact, LogId, Occasion, Position, Region, Rejection,
    RejectionKind, ScopedId,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::CONTEXT;

/// The system rule that witnesses; nobody else does.
pub const WITNESS_HEADS: &str = "witness-heads";

#[derive(Debug, Clone, PartialEq)]
pub enum WitnessCommand {
    /// Take down how far a log was followed, and its chain hash there.
    Witness(Head),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum WitnessEvent {
    HeadWitnessed(Head),
}

impl Fact for WitnessEvent {}

/// A place in a log of another region, and what its chain said there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub log: LogId,
    #[serde(flatten)]
    pub at: Checkpoint,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessRejection {
    #[error("only the system's rule witnesses logs")]
    NotTheRule,
    #[error("position {0} has been witnessed already")]
    NothingNew(Position),
}

impl Rejection for WitnessRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotTheRule => RejectionKind::Forbidden,
            Self::NothingNew(_) => RejectionKind::WrongState,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotTheRule => "NOT_THE_WITNESS_RULE",
            Self::NothingNew(_) => "NOTHING_TO_WITNESS",
        }
    }

    fn zh(&self) -> String {
        match self {
            Self::NotTheRule => "只有系统规则可以见证日志".to_owned(),
            Self::NothingNew(position) => format!("位置 {position} 已见证"),
        }
    }
}

/// What has been witnessed of one log.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LogWitness {
    last: Option<Checkpoint>,
}

impl LogWitness {
    /// Where `witness` keeps what it has seen of `log`.
    pub fn id(witness: Region, log: &LogId) -> ScopedId {
        ScopedId::derived(witness, Uuid::nil(), &log.to_string())
    }
}

impl Aggregate for LogWitness {
    const CONTEXT: &'static str = CONTEXT;
    const KIND: &'static str = "witness";
    type Command = WitnessCommand;
    type Event = WitnessEvent;
    type Rejection = WitnessRejection;

    fn decide(
        &self,
        command: &WitnessCommand,
        on: &Occasion,
    ) -> Result<Vec<WitnessEvent>, WitnessRejection> {
        let WitnessCommand::Witness(head) = command;
        if !matches!(&on.actor, Actor::System { rule, .. } if rule == WITNESS_HEADS) {
            return Err(WitnessRejection::NotTheRule);
        }
        match self.last {
            Some(last) if head.at.position <= last.position => {
                Err(WitnessRejection::NothingNew(head.at.position))
            }
            _ => Ok(vec![WitnessEvent::HeadWitnessed(head.clone())]),
        }
    }

    fn evolve(&mut self, event: &WitnessEvent) {
        let WitnessEvent::HeadWitnessed(head) = event;
        self.last = Some(head.at);
    }
}

#[cfg(test)]
mod tests {
    use eventsourcing::Hash;
    use eventsourcing::testing::given;

    use super::*;

    fn head(position: u64) -> Head {
        Head {
            log: "310000.referral".parse().unwrap(),
            at: Checkpoint {
                position: Position(position),
                hash: Hash::of(&position.to_be_bytes()),
            },
        }
    }

    fn witness(position: u64) -> WitnessCommand {
        WitnessCommand::Witness(head(position))
    }

    fn seen(position: u64) -> WitnessEvent {
        WitnessEvent::HeadWitnessed(head(position))
    }

    #[test]
    fn what_is_new_in_a_log_is_witnessed_and_nothing_twice() {
        let rule = Actor::system(WITNESS_HEADS, "1");
        given::<LogWitness>([seen(4)])
            .by(rule.clone())
            .when(witness(9))
            .then([seen(9)]);
        given::<LogWitness>([seen(9)])
            .by(rule)
            .when(witness(9))
            .then_rejected(WitnessRejection::NothingNew(Position(9)));
    }

    #[test]
    fn no_person_witnesses() {
        given::<LogWitness>([])
            .by(Actor::person("p", "o", "Administrator"))
            .when(witness(1))
            .then_rejected(WitnessRejection::NotTheRule);
    }
}
