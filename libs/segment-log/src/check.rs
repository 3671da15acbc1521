//! Checks one whole segment in memory: header, frames, the space after them, footer.

use bytes::Bytes;
use eventsourcing::Checkpoint;
use uuid::Uuid;

use crate::fields::{first_written, index, offset};
use crate::footer::{self, Footer, TRAILER};
use crate::frame::{self, Fault};
use crate::segment::{self, Header, Scan, ScanFault};

/// What is known about a segment before it is read.
pub(crate) struct Expected {
    pub(crate) number: u64,
    /// Whether the next segment has begun: then this one has been closed.
    pub(crate) followed: bool,
    /// The end of the log before it; `None` for the first.
    pub(crate) after: Option<Checkpoint>,
    pub(crate) incarnation: Option<Uuid>,
}

/// A sound segment.
pub(crate) struct Found {
    pub(crate) checked: Checked,
    pub(crate) header: Option<Header>,
    /// The end of the log after it.
    pub(crate) at: Option<Checkpoint>,
    /// From where on its last bytes belong to a write that has not finished, and how many they are.
    pub(crate) unfinished: Option<(u64, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checked {
    Closed,
    Open,
    Reserved,
}

/// Checks a segment; faults count from its start.
pub(crate) fn check(bytes: &Bytes, expected: &Expected) -> Result<Found, Fault> {
    if segment::is_reserved(bytes) {
        return check_reserved(bytes, expected);
    }
    let header = Header::read(bytes)?;
    check_header(&header, bytes, expected)?;
    let footer = Footer::read(bytes);
    let until = match &footer {
        Ok(Some(footer)) => index(footer.end).clamp(segment::HEADER, bytes.len()),
        Ok(None) | Err(_) => bytes.len(),
    };
    let mut scan = segment::scan(bytes, &header, until);
    let fault = scan.fault.take();
    let mut unfinished = None;
    let checked = match footer {
        Ok(Some(_)) => check_closed(bytes, &scan, fault).map(|()| Checked::Closed),
        Ok(None) => {
            unfinished = fault
                .is_some()
                .then(|| (scan.end, written_after(bytes, scan.end)));
            check_open(bytes, &header, &scan, fault, expected).map(|()| Checked::Open)
        }
        Err(of_footer) => Err(wrong_footer(bytes, &scan, fault, of_footer)),
    };
    Ok(Found {
        checked: checked?,
        header: Some(header),
        at: Some(scan.at),
        unfinished,
    })
}

fn check_reserved(bytes: &[u8], expected: &Expected) -> Result<Found, Fault> {
    if expected.followed {
        let what = "the segment is empty, but another one follows it";
        return Err(Fault::new(0, what));
    }
    match first_written(bytes) {
        Some(at) => Err(Fault::new(at, "reserved space is not zero")),
        None => Ok(Found {
            checked: Checked::Reserved,
            header: None,
            at: None,
            unfinished: None,
        }),
    }
}

fn check_header(header: &Header, bytes: &[u8], expected: &Expected) -> Result<(), Fault> {
    if header.number != expected.number {
        return Err(Fault::new(16, "the segment has the number of another one"));
    }
    if header.capacity > offset(bytes.len()) {
        let what = "the file is shorter than the space that was reserved for it";
        return Err(Fault::new(bytes.len(), what));
    }
    if header.capacity < offset(bytes.len()) {
        return Err(Fault::new(
            index(header.capacity),
            "the file is longer than its segment",
        ));
    }
    if expected
        .incarnation
        .is_some_and(|id| id != header.incarnation)
    {
        return Err(Fault::new(
            32,
            "the segment is of another incarnation of the log",
        ));
    }
    let after = expected
        .after
        .unwrap_or_else(|| Checkpoint::start(&header.log));
    if header.after != after {
        return Err(Fault::new(
            48,
            "the segment does not continue the one before it",
        ));
    }
    Ok(())
}

/// Everything after the frames of a closed segment follows from them, to the byte.
fn check_closed(bytes: &[u8], scan: &Scan, fault: Option<ScanFault>) -> Result<(), Fault> {
    if let Some(fault) = fault {
        return Err(in_segment(scan, fault));
    }
    match differences(bytes, scan).first() {
        Some(at) => Err(Fault::new(
            *at,
            "what follows the frames is not their footer",
        )),
        None => Ok(()),
    }
}

fn check_open(
    bytes: &[u8],
    header: &Header,
    scan: &Scan,
    fault: Option<ScanFault>,
    expected: &Expected,
) -> Result<(), Fault> {
    let rest = &bytes[index(scan.end)..];
    match fault {
        Some(ScanFault::Unsound(_))
            if frame::is_unfinished(rest)
                && segment::vouched(bytes, scan.end, header.incarnation) <= scan.end => {}
        Some(fault) => return Err(in_segment(scan, fault)),
        None => {}
    }
    if expected.followed {
        let at = bytes.len() - TRAILER;
        return Err(Fault::new(
            at,
            "the segment is closed, but its footer is gone",
        ));
    }
    Ok(())
}

/// How many bytes from here on are not reserved space.
fn written_after(bytes: &[u8], end: u64) -> u64 {
    let rest = &bytes[index(end)..];
    let last = rest.iter().rposition(|byte| *byte != 0);
    last.map_or(0, |last| offset(last + 1))
}

/// The footer is wrong, or the last frames are and it only looks so.
fn wrong_footer(bytes: &[u8], scan: &Scan, fault: Option<ScanFault>, of_footer: Fault) -> Fault {
    let differences = differences(bytes, scan);
    match (differences.first(), fault) {
        // Nearly all of it is the footer of the frames before it.
        (Some(at), _) if differences.len() < TRAILER / 2 => Fault {
            at: *at,
            ..of_footer
        },
        (_, Some(fault)) => in_segment(scan, fault),
        (_, None) => of_footer,
    }
}

/// Where the bytes after the frames are not what the frames demand: zeros, then their footer.
fn differences(bytes: &[u8], scan: &Scan) -> Vec<usize> {
    let footer = footer::write(&scan.tail, scan.end, scan.at);
    let rest = bytes.len() - index(scan.end);
    let gap = rest.saturating_sub(footer.len());
    let demanded = std::iter::repeat_n(0, gap).chain(footer);
    let found = &bytes[index(scan.end)..];
    let pairs = found.iter().zip(demanded).enumerate();
    pairs
        .filter(|(_, (found, demanded))| *found != demanded)
        .map(|(at, _)| index(scan.end) + at)
        .collect()
}

fn in_segment(scan: &Scan, fault: ScanFault) -> Fault {
    let (ScanFault::Unsound(fault) | ScanFault::Foreign(fault)) = fault;
    Fault {
        at: index(scan.end) + fault.at,
        ..fault
    }
}
