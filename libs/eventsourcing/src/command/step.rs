//! One command for one stream: whatever the aggregate, the handler sees only this.

use std::sync::Arc;

use serde_json::Value;

use super::CommandError;
use crate::aggregate::{Aggregate, Decoded, Fact, Occasion, Rejected, encode, fold};
use crate::envelope::{POLICY_NOTE, Recorded};
use crate::ids::{ScopedId, StreamId};

/// A command for one stream, ready to be decided against whatever is stored there.
#[derive(Clone)]
pub struct Step {
    pub(super) stream: StreamId,
    pub(super) decide: Arc<Decide>,
}

type Decide =
    dyn Fn(&[Recorded], &Occasion) -> Result<Vec<Decided>, CommandError> + Send + Sync + 'static;

/// An event that was decided, before it has a place.
pub(super) struct Decided {
    pub(super) event: Decoded,
    pub(super) schema: u16,
    pub(super) rules_version: Option<String>,
}

impl Step {
    pub fn of<A: Aggregate>(id: ScopedId, command: A::Command) -> Self {
        Self {
            stream: StreamId::new(A::KIND, id),
            decide: Arc::new(move |history, on| {
                let state: A = fold(history)?;
                let events = state.decide(&command, on).map_err(Rejected::from)?;
                Ok(events.iter().map(decided::<A>).collect())
            }),
        }
    }

    /// As [`Self::of`]; but where the rules say no there is nothing left to do, and that stops none of
    /// the steps beside it. For what a policy does to several streams because of one event.
    pub fn where_it_applies<A: Aggregate>(id: ScopedId, command: A::Command) -> Self {
        let step = Self::of::<A>(id, command);
        let decide = step.decide;
        Self {
            stream: step.stream,
            decide: Arc::new(move |history, on| match decide(history, on) {
                Err(CommandError::Rejected(_)) => Ok(Vec::new()),
                decided => decided,
            }),
        }
    }

    /// Takes down that a policy did not act on an event, so that a later rebuild does not either.
    pub fn policy_note(id: ScopedId, name: &'static str, data: Value) -> Self {
        Self {
            stream: StreamId::new(POLICY_NOTE, id),
            decide: Arc::new(move |_, _| {
                let event = Decoded {
                    name: name.to_owned(),
                    data: data.clone(),
                };
                Ok(vec![Decided {
                    event,
                    schema: 1,
                    rules_version: None,
                }])
            }),
        }
    }

    pub fn stream(&self) -> &StreamId {
        &self.stream
    }
}

fn decided<A: Aggregate>(event: &A::Event) -> Decided {
    let encoded = encode(event);
    Decided {
        schema: A::schema(&encoded.name),
        event: encoded,
        rules_version: event.rules_version().map(str::to_owned),
    }
}
