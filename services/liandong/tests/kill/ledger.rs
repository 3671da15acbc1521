//! What one client sent, what it was answered, and the comparison with the log.

use std::collections::HashMap;

use eventsourcing::Recorded;
use node::client::new_meta;
use proto::intake::v1 as pb;
use proto::types::v1::CommandResult;
use service_runtime::SystemClock;
use tonic::{Code, Status};

use crate::program::Desk;

/// One client's requests in the order in which they were sent; one at a time.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    sent: Vec<Sent>,
}

#[derive(Clone)]
struct Sent {
    request: pb::RecordContactRequest,
    answer: Option<CommandResult>,
}

impl Ledger {
    pub(crate) fn answered(&self) -> usize {
        self.sent
            .iter()
            .filter(|sent| sent.answer.is_some())
            .count()
    }

    /// Records one contact after the other, until the program is gone.
    pub(crate) async fn record_contacts_until_cut_off(mut self, desk: Desk) -> Self {
        if !self.ask_again(&desk).await {
            return self;
        }
        loop {
            self.sent.push(Sent {
                request: contact(&desk),
                answer: None,
            });
            if !self.ask_again(&desk).await {
                return self;
            }
        }
    }

    /// Sends again what had no answer; whether all of it has one now.
    pub(crate) async fn ask_again(&mut self, desk: &Desk) -> bool {
        for sent in self.sent.iter_mut().filter(|sent| sent.answer.is_none()) {
            match ask(desk, &sent.request).await {
                Ok(answer) => sent.answer = Some(answer),
                Err(status) => {
                    let cut_off = matches!(
                        status.code(),
                        Code::Unavailable | Code::Unknown | Code::Cancelled
                    );
                    assert!(cut_off, "the program answered {status:?}");
                    return false;
                }
            }
        }
        true
    }
}

async fn ask(desk: &Desk, request: &pb::RecordContactRequest) -> Result<CommandResult, Status> {
    let mut intake = desk.intake.clone();
    let answer = intake
        .record_contact(desk.caller.request(request.clone()))
        .await?;
    Ok(answer.into_inner().result.unwrap())
}

fn contact(desk: &Desk) -> pb::RecordContactRequest {
    pb::RecordContactRequest {
        meta: Some(new_meta(&SystemClock)),
        desk_id: desk.id.clone(),
        channel: pb::Channel::Phone.into(),
        line: pb::Line::YouthHotline.into(),
        caller_role: pb::CallerRole::Anonymous.into(),
        matter: Some(pb::record_contact_request::Matter::NoCase(pb::NoMatter {
            kind: pb::NonCase::Silent.into(),
            note: String::new(),
        })),
        ..pb::RecordContactRequest::default()
    }
}

/// None lost, none doubled, order kept.
pub(crate) fn compare(ledgers: &[Ledger], log: &[Recorded]) {
    let mut made: HashMap<String, Vec<&Recorded>> = HashMap::new();
    for event in log {
        made.entry(event.envelope.requestid.to_string())
            .or_default()
            .push(event);
    }
    for ledger in ledgers {
        let mut last = 0;
        for sent in &ledger.sent {
            let request = &sent.request.meta.as_ref().unwrap().request_id;
            let Some(answer) = &sent.answer else {
                panic!("{request} was never answered")
            };
            let events = made.remove(request).unwrap_or_default();
            let ids: Vec<String> = events
                .iter()
                .map(|event| event.envelope.id.to_string())
                .collect();
            let told: Vec<&String> = answer.events.iter().map(|event| &event.id).collect();
            assert_eq!(
                told,
                ids.iter().collect::<Vec<_>>(),
                "{request}: answered and stored differ"
            );
            assert!(
                events[0].position.0 > last,
                "{request} stands before what was sent earlier"
            );
            last = events[0].position.0;
        }
    }
    assert!(
        made.is_empty(),
        "the log has requests that nobody sent: {:?}",
        made.keys()
    );
}
