//! What one client sent, what it was answered, and the comparison with the logs.

use std::collections::HashMap;
use std::time::Duration;

use eventsourcing::{Actor, Recorded};
use proto::types::v1::CommandResult;
use tokio::sync::watch;
use tonic::{Code, Status};

use crate::program::Regions;
use crate::requests::{Asked, Case, silent_call};

/// How long what was sent before may take to arrive elsewhere.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);

/// One client's requests in the order in which they were sent; one at a time.
#[derive(Clone)]
pub(crate) struct Ledger {
    work: Work,
    sent: Vec<Sent>,
}

#[derive(Clone)]
enum Work {
    /// One call after the other.
    Calls,
    /// One case after the other, each from the call to its acceptance.
    Cases { whose: usize, cases: Vec<Case> },
}

#[derive(Clone)]
struct Sent {
    request: Asked,
    answer: Option<CommandResult>,
}

impl Ledger {
    pub(crate) fn of_calls() -> Self {
        Self {
            work: Work::Calls,
            sent: Vec::new(),
        }
    }

    /// `whose`: so that every narrative is another one.
    pub(crate) fn of_cases(whose: usize) -> Self {
        let cases = Vec::new();
        Self {
            work: Work::Cases { whose, cases },
            sent: Vec::new(),
        }
    }

    pub(crate) fn cases(&self) -> &[Case] {
        match &self.work {
            Work::Calls => &[],
            Work::Cases { cases, .. } => cases,
        }
    }

    /// Sends one command after the other until the program is gone; counts what is acknowledged.
    pub(crate) async fn work(
        mut self,
        regions: Regions,
        acknowledged: watch::Sender<usize>,
    ) -> Self {
        loop {
            if !self.ask_again(&regions).await {
                return self;
            }
            acknowledged.send_modify(|count| *count += 1);
            let request = self.next(&regions);
            self.sent.push(Sent {
                request,
                answer: None,
            });
        }
    }

    /// Has everything answered that was sent, and ends the case that was begun.
    pub(crate) async fn finish(&mut self, regions: &Regions) {
        loop {
            assert!(self.ask_again(regions).await, "the program is gone");
            let last = self.cases().last();
            if last.is_none_or(|case| case.is_done() || !case.is_begun()) {
                return;
            }
            let request = self.next(regions);
            self.sent.push(Sent {
                request,
                answer: None,
            });
        }
    }

    fn next(&mut self, regions: &Regions) -> Asked {
        let Work::Cases { whose, cases } = &mut self.work else {
            return silent_call(regions);
        };
        if cases.last().is_none_or(Case::is_done) {
            let narrative = format!("what caller {} of client {whose} said", cases.len());
            cases.push(Case::new(narrative));
        }
        cases.last().unwrap().next(regions)
    }

    /// Sends again what had no answer; whether all of it has one now.
    async fn ask_again(&mut self, regions: &Regions) -> bool {
        let Some(sent) = self.sent.last_mut().filter(|sent| sent.answer.is_none()) else {
            return true;
        };
        let Some(answer) = answered(&sent.request, regions).await else {
            return false;
        };
        if let Work::Cases { cases, .. } = &mut self.work {
            cases.last_mut().unwrap().take(&answer);
        }
        sent.answer = Some(answer);
        true
    }
}

/// The answer to a command, once what it is about has arrived; `None` if the program is gone.
async fn answered(request: &Asked, regions: &Regions) -> Option<CommandResult> {
    let asking = async {
        loop {
            match request.send(regions).await {
                Ok(answer) => return Some(answer),
                Err(status) if is_cut_off(&status) => return None,
                Err(status) if has_not_arrived(&status) => tokio::task::yield_now().await,
                Err(status) => panic!("the program answered {status:?}"),
            }
        }
    };
    let answered = tokio::time::timeout(ARRIVES_WITHIN, asking).await;
    answered.unwrap_or_else(|_| panic!("{} never arrives", request.request_id()))
}

fn is_cut_off(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::Unknown | Code::Cancelled
    )
}

/// The case, or the hop, is still on its way from another log. Of a hop that has not arrived nobody is
/// told that it is not there: whoever has no place in it may not know.
fn has_not_arrived(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::NotFound | Code::FailedPrecondition | Code::PermissionDenied
    )
}

/// None lost, none doubled, order kept: in all logs that people's commands are recorded in.
pub(crate) fn compare(ledgers: &[Ledger], logs: &HashMap<&'static str, Vec<Recorded>>) {
    let mut made: HashMap<(&str, String), Vec<&Recorded>> = HashMap::new();
    for (log, events) in logs {
        let by_people = |event: &&Recorded| matches!(event.envelope.actor, Actor::Person { .. });
        for event in events.iter().filter(by_people) {
            let request = event.envelope.requestid.to_string();
            made.entry((log, request)).or_default().push(event);
        }
    }
    for ledger in ledgers {
        let mut last: HashMap<&str, u64> = HashMap::new();
        for Sent { request, answer } in &ledger.sent {
            let (log, id) = (request.log(), request.request_id());
            let answer = answer.as_ref();
            let answer = answer.unwrap_or_else(|| panic!("{id} was never answered"));
            let events = made.remove(&(log, id.to_owned())).unwrap_or_default();
            let ids: Vec<String> = events
                .iter()
                .map(|event| event.envelope.id.to_string())
                .collect();
            let told: Vec<&String> = answer.events.iter().map(|event| &event.id).collect();
            let stored: Vec<&String> = ids.iter().collect();
            assert!(!told.is_empty());
            assert_eq!(told, stored, "{id}: answered and stored differ");
            let position = events[0].position.0;
            let before = last.insert(log, position).unwrap_or(0);
            assert!(
                position > before,
                "{id} stands before what was sent earlier"
            );
        }
    }
    let unknown: Vec<_> = made.keys().collect();
    assert!(unknown.is_empty(), "nobody sent {unknown:?}");
}
