//! Old shapes of an event are read as today's; newer ones are not guessed at.

use eventsourcing::testing::contract::event_log::LOG;
use eventsourcing::testing::envelope;
use eventsourcing::{
    Aggregate, Append, Body, CommandError, Envelope, EventLog, StreamId, Version, Write, fold,
};
use futures::executor::block_on;
use serde_json::{Value, json};

use crate::notebook::{Bench, Notebook, notebook, reason};

/// A notebook whose first event was written in this shape.
fn written(schema: u16, data: Value) -> Bench {
    let bench = Bench::new();
    let stream = StreamId::new(Notebook::KIND, notebook(1));
    let envelope = Envelope {
        event_type: "referral.Added".to_owned(),
        dataschema: format!("urn:liandong:referral.Added:{schema}"),
        subject: stream.clone(),
        caseid: Some(notebook(100)),
        data,
        ..envelope(LOG, Notebook::KIND, 1)
    };
    let append = Append {
        request: envelope.requestid,
        writes: vec![Write {
            stream,
            expected: Version(0),
            events: vec![Body::seal(&envelope).unwrap()],
        }],
    };
    block_on(bench.log.append(append)).unwrap();
    bench
}

#[test]
fn an_event_of_an_old_shape_counts_as_it_did() {
    let bench = written(1, json!({ "sheets": 4 }));
    assert_eq!(reason(bench.add_now(3)), "NOTEBOOK_FULL");
    bench.add_now(2).unwrap();
    let history = bench.history();
    assert_eq!(fold::<Notebook>(&history).unwrap(), Notebook { pages: 10 });
    assert_eq!(
        history[1].envelope.dataschema,
        "urn:liandong:referral.Added:2"
    );
}

#[test]
fn an_event_of_a_newer_shape_is_not_guessed_at() {
    let bench = written(3, json!({ "pages": 1, "colour": "red" }));
    let unknown = bench.add_now(1);
    assert!(
        matches!(unknown, Err(CommandError::Unknown(_))),
        "{unknown:?}"
    );
    assert_eq!(bench.stored(), 1);
}
