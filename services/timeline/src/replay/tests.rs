//! Replay while others write, and of histories that are not whole.

use eventsourcing::{Envelope, FeedError, FeedItem};
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::*;
use crate::samples::{CENTRAL, QINGDAO, SHANGHAI, at, case, chained, event, log, logs};

/// Logs of which only the beginning is there when they are read for the first time.
struct Growing {
    events: Vec<Envelope>,
    at_first: Vec<(&'static str, usize)>,
}

impl EventFeed for Growing {
    fn follow(
        &self,
        log: &LogId,
        after: Checkpoint,
    ) -> BoxStream<'static, Result<FeedItem, FeedError>> {
        let all = chained(log, &self.events);
        let begun = self
            .at_first
            .iter()
            .find(|(name, _)| name.parse() == Ok(log.clone()));
        let end = match begun {
            Some((_, at_first)) if after.position.0 == 0 => *at_first,
            _ => all.len(),
        };
        let from = usize::try_from(after.position.0).unwrap();
        let there: Vec<Recorded> = all[from..end].to_vec();
        let items = there
            .into_iter()
            .map(|event| FeedItem::Event(Box::new(event)));
        stream::iter(items.chain([FeedItem::CaughtUp]).map(Ok)).boxed()
    }
}

async fn replayed(growing: Growing, as_of: Timestamp) -> Result<Replayed, ReplayError> {
    let feed: Arc<dyn EventFeed> = Arc::new(growing);
    replay(&feed, &logs(), case(), as_of).await
}

#[tokio::test]
async fn an_effect_whose_cause_was_written_after_its_log_was_read_is_replayed_with_it() {
    let begun = event(SHANGHAI, 1, 1, 1, None);
    let cause = event(SHANGHAI, 1, 2, 10, None);
    let later = event(SHANGHAI, 1, 3, 40, None);
    let effect = event(QINGDAO, 1, 1, 20, Some(cause.id));
    let growing = || Growing {
        events: vec![begun.clone(), cause.clone(), later.clone(), effect.clone()],
        at_first: vec![(SHANGHAI, 1)],
    };
    let read = replayed(growing(), Timestamp::MAX).await.unwrap();
    // What is not needed for it came later, and is not in this answer.
    assert_eq!((read.events, read.last_recorded_at), (3, Some(at(20))));
    let again = replayed(growing(), at(20)).await.unwrap();
    assert_eq!(again, read);
}

#[tokio::test]
async fn a_history_with_a_hole_is_not_folded_into_a_state_that_never_was() {
    let growing = Growing {
        events: vec![event(CENTRAL, 1, 1, 1, None), event(CENTRAL, 1, 3, 2, None)],
        at_first: vec![],
    };
    let hole = replayed(growing, Timestamp::MAX).await.unwrap_err();
    let ReplayError::Hole {
        log: of,
        missing,
        found,
        ..
    } = hole
    else {
        panic!("{hole}");
    };
    assert_eq!((of, missing, found), (log(CENTRAL), Version(2), Version(3)));
}

/// A feed that yields nothing but an error.
struct Failing(FeedError);

impl EventFeed for Failing {
    fn follow(&self, _: &LogId, _: Checkpoint) -> BoxStream<'static, Result<FeedItem, FeedError>> {
        stream::iter([Err(self.0.clone())]).boxed()
    }
}

#[tokio::test]
async fn a_feed_that_is_away_is_no_damage() {
    let of = logs().swap_remove(0);
    let away = FeedError::Unavailable {
        log: of.clone(),
        cause: "no answer".to_owned(),
    };
    let broken = FeedError::UnknownLog(of.clone());
    let replayed = async |error: &FeedError| {
        let feed: Arc<dyn EventFeed> = Arc::new(Failing(error.clone()));
        replay(&feed, &logs(), case(), Timestamp::MAX).await
    };
    assert_eq!(
        replayed(&away).await,
        Err(ReplayError::Away(away.to_string()))
    );
    let problem = broken.to_string();
    assert_eq!(
        replayed(&broken).await,
        Err(ReplayError::Unreadable { log: of, problem })
    );
}
