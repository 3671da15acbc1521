//! Every truncation of the last 8 KiB: what was known to be on disk is missed, what was not is kept aside.

use std::path::{Path, PathBuf};

use eventsourcing::testing::append;
use eventsourcing::testing::contract::event_log::LOG;
use eventsourcing::{Checkpoint, EventLog, Position};
use segment_log::OpenError;

use crate::script::{DIR, commit, open};
use crate::simulated::Simulated;
use crate::support;

const LAST: usize = 8 << 10;

/// A log of one segment, and where in it each frame ends.
struct Written {
    disk: Simulated,
    segment: Vec<u8>,
    frames: Vec<usize>,
    head: Checkpoint,
}

fn segment() -> PathBuf {
    Path::new(DIR).join("0000000001.seg")
}

fn used(segment: &[u8]) -> usize {
    segment.iter().rposition(|byte| *byte != 0).unwrap() + 1
}

/// One append per group, so that each frame says that all before it is on disk.
fn written() -> Written {
    support::run(async {
        let disk = Simulated::default();
        let options = segment_log::Options {
            segment_bytes: 12 << 10,
            ..crate::script::options(&disk)
        };
        let opened =
            segment_log::SegmentLog::open_stepwise(Path::new(DIR), support::id(), &[], &options);
        let (log, mut committer, _) = opened.unwrap();
        let mut frames = vec![256];
        while frames.last().unwrap() - 256 < LAST {
            let next = append(LOG, frames.len() as u128, 0, 1);
            commit(&log, &mut committer, &[next]).await[0]
                .as_ref()
                .unwrap();
            frames.push(used(&disk.read(&segment())));
        }
        let head = log.head();
        Written {
            segment: disk.read(&segment()),
            frames,
            head: Checkpoint {
                position: head.position,
                hash: head.hash,
            },
            disk,
        }
    })
}

impl Written {
    fn with(&self, segment_bytes: Vec<u8>) -> Simulated {
        let disk = self.disk.copy();
        disk.replace(&segment(), segment_bytes);
        disk
    }

    fn cuts(&self) -> std::ops::Range<usize> {
        let end = *self.frames.last().unwrap();
        end - LAST..end
    }
}

#[test]
fn bytes_lost_from_the_end_that_nothing_vouches_for_are_set_aside_and_missed_by_who_saw_them() {
    let written = written();
    for cut in written.cuts() {
        let mut bytes = written.segment.clone();
        bytes[cut..].fill(0);
        let whole = written.frames.iter().filter(|end| **end <= cut).count() - 1;
        let boundary = written.frames[whole];
        let disk = written.with(bytes.clone());
        let (log, _, report) = open(&disk, &[]).unwrap();
        assert_eq!(log.head().position, Position(whole as u64), "cut at {cut}");
        assert_eq!(report.head, log.head());
        let torn = &bytes[boundary..used(&bytes).max(boundary)];
        match report.torn.as_slice() {
            [] => assert!(torn.is_empty(), "cut at {cut}: torn bytes are not reported"),
            [one] => {
                assert_eq!(one.offset, boundary as u64, "cut at {cut}");
                assert_eq!(disk.read(&one.kept_as), torn, "cut at {cut}");
            }
            more => panic!("cut at {cut}: {more:?}"),
        }
        drop(log);
        if ![boundary, boundary + 1].contains(&cut) {
            continue;
        }
        match open(&disk, &[written.head]).map(|_| ()) {
            Err(OpenError::Behind { seen, .. }) => assert_eq!(seen, written.head.position),
            other => panic!("cut at {cut}: acknowledged events are gone, but {other:?}"),
        }
    }
}

#[test]
fn bytes_lost_that_a_later_frame_vouches_for_are_corruption() {
    let written = written();
    let last_frame = written.frames[written.frames.len() - 2];
    for cut in written.cuts().start..last_frame {
        let mut bytes = written.segment.clone();
        bytes[cut..last_frame].fill(0);
        if bytes == written.segment {
            continue;
        }
        match open(&written.with(bytes), &[]).map(|_| ()) {
            Err(OpenError::Damaged(damage)) => {
                assert_eq!(damage.file, segment().display().to_string());
                let frame = written.frames.iter().rfind(|end| **end <= cut).unwrap();
                let offset = usize::try_from(damage.offset).unwrap();
                assert!(
                    (*frame..last_frame).contains(&offset),
                    "cut at {cut}: {damage}"
                );
            }
            other => panic!("cut at {cut}: {other:?}"),
        }
    }
}

#[test]
fn a_file_shorter_than_its_reserved_space_was_not_torn_but_cut() {
    let written = written();
    for cut in written.cuts() {
        match open(&written.with(written.segment[..cut].to_vec()), &[]).map(|_| ()) {
            Err(OpenError::Damaged(damage)) => assert_eq!(damage.offset, cut as u64),
            other => panic!("cut at {cut}: {other:?}"),
        }
    }
}
