//! The record: an event log on append-only segment files, and the feed of logs in this process.
//!
//! One directory per log. `0000000001.seg`, `0000000002.seg`, …: frames, one per append, behind a
//! header; closed segments end in a footer, which is their index; the space of the last ones is
//! reserved ahead, as zeros. `*.torn-<n>`: what a crash had left unfinished. `lock`: who has it open.
//!
//! An auditor can copy the directory and check it with [`verify_dir`], with no service running.

mod bitflip;
mod check;
mod closed;
mod committer;
mod feed;
mod fields;
mod footer;
mod frame;
mod head;
mod log;
mod open;
mod place;
mod queue;
mod recovery;
mod scrub;
mod segment;
mod shared;
mod storage;
mod tail;
mod torn;
mod verify;
mod writer;

pub use committer::Committer;
pub use feed::LocalFeed;
pub use head::{LogHead, heads_below};
pub use log::{LogFailed, SegmentLog, Stats};
pub use open::{OpenError, OpenReport, Options};
pub use scrub::{Scrub, ScrubReport};
pub use storage::{Disk, Entry, Lock, Storage, StoredFile};
pub use torn::Torn;
pub use verify::{LogVerified, Progress, Unfinished, bytes_to_verify, verify_dir};
