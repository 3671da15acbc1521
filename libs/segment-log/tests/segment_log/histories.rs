//! Random histories: the log on segment files answers as the reference model does, in groups, with
//! copies taken in, and over stops and losses of power.

use std::sync::Arc;

use eventsourcing::testing::contract::event_log::{LOG, all, stream};
use eventsourcing::testing::{MemoryLog, append};
use eventsourcing::{
    Append, AppendError, Appended, Body, Checkpoint, Envelope, EventLog, Position, Recorded,
    Version,
};
use futures::future::join;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use segment_log::{Committer, SegmentLog};

use crate::script;
use crate::simulated::{Fault, Simulated, Unsynced};
use crate::support::{id, run};

const CASES: u32 = 60;

/// One append; `off` is how far its expectation is from the truth.
#[derive(Debug, Clone)]
enum Step {
    OneStream {
        stream: u128,
        off: i64,
        count: u64,
    },
    TwoStreams {
        streams: [u128; 2],
        off: i64,
        count: u64,
    },
    /// Sends an earlier append again.
    Repeat(Index),
}

#[derive(Debug, Clone)]
enum Action {
    /// Appends that are committed by one step.
    Group(Vec<Step>),
    /// Takes in a copy of what comes next; without its first event, it does not fit.
    Import { steps: Vec<Step>, fits: bool },
    /// Stops and opens again.
    Reopen,
    /// Power is lost at the `step`th step of a group, and the log opened again.
    Crash {
        group: Vec<Step>,
        step: u64,
        unsynced: Unsynced,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let off = || prop_oneof![8 => Just(0), 1 => Just(-1_i64), 1 => Just(1)];
    let streams = || 1..5_u128;
    let one = (streams(), off(), 1..4_u64);
    let two = ([streams(), streams()], off(), 1..3_u64);
    prop_oneof![
        6 => one.prop_map(|(stream, off, count)| Step::OneStream { stream, off, count }),
        3 => two.prop_map(|(streams, off, count)| Step::TwoStreams { streams, off, count }),
        1 => any::<Index>().prop_map(Step::Repeat),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let steps = |most: usize| prop::collection::vec(step(), 1..most);
    let unsynced = prop_oneof![
        Just(Unsynced::Lost),
        Just(Unsynced::Kept),
        any::<u64>().prop_map(Unsynced::Torn),
    ];
    prop_oneof![
        12 => steps(6).prop_map(Action::Group),
        2 => (steps(4), prop::bool::weighted(0.7))
            .prop_map(|(steps, fits)| Action::Import { steps, fits }),
        1 => Just(Action::Reopen),
        3 => (steps(6), 1..6_u64, unsynced)
            .prop_map(|(group, step, unsynced)| Action::Crash { group, step, unsynced }),
    ]
}

/// An append to two streams, whose events are of one request.
fn append_two(first: (u128, u64), second: (u128, u64), count: u64) -> Append {
    let mut both = append(LOG, first.0, first.1, count);
    let other = append(LOG, second.0, second.1, count);
    for mut write in other.writes {
        for body in &mut write.events {
            let mut envelope: Envelope = serde_json::from_slice(body.bytes()).unwrap();
            (envelope.requestid, envelope.causationid) = (both.request, both.request);
            *body = Body::seal(&envelope).unwrap();
        }
        both.writes.push(write);
    }
    both
}

/// A log beside its model.
struct Pair {
    disk: Simulated,
    log: Arc<SegmentLog>,
    /// Not there while the log is closed.
    committer: Option<Committer>,
    model: MemoryLog,
    sent: Vec<Append>,
}

impl Pair {
    fn new() -> Self {
        let disk = Simulated::default();
        let (log, committer, _) = script::open(&disk, &[]).unwrap();
        Self {
            disk,
            log: Arc::new(log),
            committer: Some(committer),
            model: MemoryLog::new(id()),
            sent: Vec::new(),
        }
    }

    /// What the steps send, one after the other, and how a model answers them.
    async fn send(
        &mut self,
        steps: &[Step],
        model: &MemoryLog,
    ) -> (Vec<Append>, Vec<Result<Appended, AppendError>>) {
        let (mut group, mut answers) = (Vec::new(), Vec::new());
        for step in steps {
            let at = async |n, off| version(model, n).await.saturating_add_signed(off);
            let next = match *step {
                Step::OneStream { stream, off, count } => {
                    append(LOG, stream, at(stream, off).await, count)
                }
                Step::TwoStreams {
                    streams: [one, other],
                    off,
                    count,
                } => append_two(
                    (one, at(one, 0).await),
                    (other, at(other, off).await),
                    count,
                ),
                Step::Repeat(_) if self.sent.is_empty() => continue,
                Step::Repeat(nth) => nth.get(&self.sent).clone(),
            };
            answers.push(model.append(next.clone()).await);
            self.sent.push(next.clone());
            group.push(next);
        }
        (group, answers)
    }

    async fn commit(&mut self, group: &[Append]) -> Vec<Result<Appended, AppendError>> {
        let committer = self.committer.as_mut().unwrap();
        script::commit(&self.log, committer, group).await
    }

    async fn play(&mut self, action: Action) {
        match action {
            Action::Group(steps) => {
                let model = self.model.clone();
                let (group, expected) = self.send(&steps, &model).await;
                assert_eq!(self.commit(&group).await, expected);
            }
            Action::Import { steps, fits } => {
                let copied = self.copied(&steps).await;
                let copied = copied[usize::from(!fits).min(copied.len())..].to_vec();
                let import = self.log.import(copied.clone());
                let step = async { self.committer.as_mut().unwrap().step() };
                let (answer, _) = join(import, step).await;
                assert_eq!(answer, self.model.import(copied).await);
            }
            Action::Reopen => {
                self.log.close();
                self.committer.take().unwrap().run();
                self.open(self.disk.clone());
                self.compare().await;
            }
            Action::Crash {
                group,
                step,
                unsynced,
            } => {
                self.crash(&group, step, unsynced).await;
                self.compare().await;
            }
        }
    }

    /// What would come next if these steps were taken, as a copy has it.
    async fn copied(&mut self, steps: &[Step]) -> Vec<Recorded> {
        let ahead = MemoryLog::new(id());
        ahead.import(events(&self.model).await).await.unwrap();
        self.send(steps, &ahead).await;
        let head = self.model.head().position;
        ahead.read_all(head, 1_000).await.unwrap()
    }

    /// Everything that was acknowledged is there; of the rest whole appends, in order, or nothing.
    async fn crash(&mut self, steps: &[Step], step: u64, unsynced: Unsynced) {
        let ahead = MemoryLog::new(id());
        ahead.import(events(&self.model).await).await.unwrap();
        let (group, expected) = self.send(steps, &ahead).await;
        self.disk
            .fail_at(self.disk.steps() + step, Fault::PowerLoss);
        let answers = self.commit(&group).await;
        for (answer, expected) in answers.iter().zip(&expected) {
            let unknown = matches!(answer, Err(AppendError::Unavailable(_)));
            assert!(unknown || answer == expected, "{answer:?}");
        }
        self.open(self.disk.after_power_loss(unsynced));

        let head = self.log.head();
        let acknowledged = answers.iter().flatten().map(|answer| answer.last);
        let least = acknowledged.max().unwrap_or(self.model.head().position);
        let ends = expected.iter().flatten().map(|answer| answer.last);
        let mut ends = ends.chain([self.model.head().position]);
        assert!(head.position >= least, "lost: {head:?} of {least}");
        assert!(ends.any(|end| end == head.position), "half: {head:?}");
        let survived = head.position.0 - self.model.head().position.0;
        let survived = usize::try_from(survived).unwrap();
        let copied = ahead.read_all(self.model.head().position, survived).await;
        self.model.import(copied.unwrap()).await.unwrap();
    }

    fn open(&mut self, disk: Simulated) {
        let head = self.log.head();
        let seen = Checkpoint {
            position: head.position,
            hash: head.hash,
        };
        let (log, committer, _) = script::open(&disk, &[seen]).unwrap();
        (self.disk, self.log, self.committer) = (disk, Arc::new(log), Some(committer));
    }

    async fn compare(&self) {
        let (log, model) = (&self.log, &self.model);
        assert_eq!(log.head(), model.head());
        let as_log: Arc<dyn EventLog> = log.clone();
        assert_eq!(all(&as_log).await, events(model).await);
        for n in 1..6 {
            for from in [1, 2, 9].map(Version) {
                let read = log.read(&stream(n), from).await;
                assert_eq!(read, model.read(&stream(n), from).await);
            }
        }
        for append in &self.sent {
            let found = log.find_request(append.request).await;
            assert_eq!(found, model.find_request(append.request).await);
        }
        assert_eq!(log.verify().await, model.verify().await);
    }
}

async fn events(model: &MemoryLog) -> Vec<Recorded> {
    model.read_all(Position(0), usize::MAX).await.unwrap()
}

async fn version(model: &MemoryLog, n: u128) -> u64 {
    model.read(&stream(n), Version(1)).await.unwrap().len() as u64
}

/// `LIANDONG_TEST_SEED`, or a new one; printed, so that it can be set.
fn seed() -> u64 {
    let set = std::env::var("LIANDONG_TEST_SEED").ok();
    let seed = set.and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(rand::random);
    println!("seed {seed}: set LIANDONG_TEST_SEED to run the same again");
    seed
}

#[test]
fn a_random_history_is_answered_as_the_model_answers_it() {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed().to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::with_cases(CASES), random);
    let history = prop::collection::vec(action(), 1..60);
    let played = runner.run(&history, |actions| {
        run(async {
            let mut pair = Pair::new();
            for action in actions {
                pair.play(action).await;
            }
            pair.compare().await;
        });
        Ok(())
    });
    played.unwrap_or_else(|failed| panic!("{failed}"));
}
