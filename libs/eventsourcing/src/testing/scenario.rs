//! Given / when / then: a rule told as a caseworker would tell it.

use std::fmt::Debug;

use jiff::Timestamp;

use crate::actor::Actor;
use crate::aggregate::{Aggregate, Occasion, decode, encode};
use crate::envelope::Envelope;

/// A history, and who acts next, when.
pub struct Scenario<A> {
    state: A,
    on: Occasion,
}

/// Begins with what has happened.
pub fn given<A: Aggregate>(history: impl IntoIterator<Item = A::Event>) -> Scenario<A> {
    let mut state = A::default();
    for event in history {
        state.evolve(&stored_and_read_back::<A>(&event));
    }
    let now = Timestamp::from_second(1_767_225_600).expect("2026-01-01 is a time");
    let actor = Actor::system("test", "1");
    Scenario {
        state,
        on: Occasion {
            actor,
            now,
            occurred_at: now,
        },
    }
}

impl<A: Aggregate> Scenario<A> {
    /// Who commands.
    #[must_use]
    pub fn by(mut self, actor: Actor) -> Self {
        self.on.actor = actor;
        self
    }

    /// When.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        self.on.now = now;
        self.on.occurred_at = now;
        self
    }

    pub fn when(self, command: impl Into<A::Command>) -> Then<A> {
        let outcome = self.state.decide(&command.into(), &self.on);
        Then {
            state: self.state,
            outcome,
        }
    }

    /// The state that the history leads to.
    pub fn state(self) -> A {
        self.state
    }
}

/// What came of the command.
pub struct Then<A: Aggregate> {
    state: A,
    outcome: Result<Vec<A::Event>, A::Rejection>,
}

impl<A: Aggregate> Then<A>
where
    A::Rejection: PartialEq + Debug,
{
    /// # Panics
    /// If it led to anything else.
    #[expect(
        clippy::return_self_not_must_use,
        reason = "most tests end here; only some go on to ask for the state"
    )]
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = A::Event>) -> Self {
        match &self.outcome {
            Ok(events) => assert_eq!(*events, expected.into_iter().collect::<Vec<_>>()),
            Err(rejection) => panic!("rejected: {rejection:?}"),
        }
        self
    }

    /// # Panics
    /// If it was not rejected, or for another reason.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a test names the rejection on the spot, without a borrow"
    )]
    #[track_caller]
    pub fn then_rejected(self, expected: A::Rejection) {
        match self.outcome {
            Ok(events) => panic!("not rejected but {events:?}"),
            Err(rejection) => assert_eq!(rejection, expected),
        }
    }

    /// The state after what it led to.
    ///
    /// # Panics
    /// If it was rejected.
    #[track_caller]
    pub fn state(self) -> A {
        let mut state = self.state;
        for event in self.outcome.expect("the command was accepted") {
            state.evolve(&stored_and_read_back::<A>(&event));
        }
        state
    }
}

/// Every scenario also proves that its events survive being stored.
fn stored_and_read_back<A: Aggregate>(event: &A::Event) -> A::Event {
    let encoded = encode(event);
    let event_type = format!("{}.{}", A::CONTEXT, encoded.name);
    let envelope = Envelope {
        dataschema: format!("urn:liandong:{event_type}:{}", A::schema(&encoded.name)),
        event_type,
        data: encoded.data,
        ..super::envelope(&format!("310000.{}", A::CONTEXT), A::KIND, 1)
    };
    let read = decode::<A>(&envelope).expect("an event can be read back");
    assert_eq!(read, *event, "an event is read back as it was written");
    read
}
