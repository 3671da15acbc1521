//! kill -9 of the real program, in a loop, under load: no acknowledged command is lost or doubled.
//!
//! A ledger on the client's side keeps every request that was sent and every answer that came. After
//! each kill, what had no answer is sent again with the same request id. In the end the log
//! itself is read and compared with the ledger.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod ledger;
mod program;

use std::time::Duration;

use ledger::Ledger;
use program::Program;
use rand::{RngExt, SeedableRng, rngs::StdRng};

const ROUNDS: usize = 6;
const CLIENTS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_command_is_lost_or_doubled_over_kill_nine() {
    let seed: u64 = std::env::var("LIANDONG_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(rand::random);
    println!("seed {seed}: set LIANDONG_TEST_SEED to run the same again");
    let mut random = StdRng::seed_from_u64(seed);
    let data = tempfile::tempdir().unwrap();
    let mut ledgers = vec![Ledger::default(); CLIENTS];

    for round in 0..ROUNDS {
        let mut program = Program::start(data.path());
        let desk = program.desk().await;
        let clients: Vec<_> = ledgers
            .drain(..)
            .map(|ledger| tokio::spawn(ledger.record_contacts_until_cut_off(desk.clone())))
            .collect();
        let after = Duration::from_millis(random.random_range(100..1500));
        tokio::time::sleep(after).await;
        program.kill();
        for client in clients {
            ledgers.push(client.await.unwrap());
        }
        let answered: usize = ledgers.iter().map(Ledger::answered).sum();
        println!("round {round}: killed after {after:?}, {answered} answered so far");
    }

    let mut program = Program::start(data.path());
    let desk = program.desk().await;
    for ledger in &mut ledgers {
        ledger.ask_again(&desk).await;
    }
    program.kill();

    let answered: usize = ledgers.iter().map(Ledger::answered).sum();
    assert!(
        answered > CLIENTS * ROUNDS,
        "only {answered} commands were answered: no load"
    );
    ledger::compare(&ledgers, &program::intake_log(data.path()).await);
}
