//! Durable appends of about 1 KiB: one writer and 64, against a bare file with the same group commit,
//! and both again with 2 ms added to each sync, as on an ordinary disk.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use eventsourcing::testing::{append, envelope};
use eventsourcing::{Append, Body, Envelope, EventLog};
use futures::future::join_all;
use segment_log::{Disk, Entry, Lock, Options, SegmentLog, Storage, StoredFile};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

const LOG: &str = "310000.referral";
const WRITERS: [usize; 2] = [1, 64];
const SYNC_TAKES: [Duration; 2] = [Duration::ZERO, Duration::from_millis(2)];

/// The real disk, each sync a little slower.
struct Slower(Duration);

struct SlowerFile(Arc<dyn StoredFile>, Duration);

impl Slower {
    fn file(&self, file: Arc<dyn StoredFile>) -> Arc<dyn StoredFile> {
        Arc::new(SlowerFile(file, self.0))
    }
}

impl Storage for Slower {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        Disk.create_dir(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        Disk.list(dir)
    }
    fn open(&self, file: &Path) -> io::Result<Arc<dyn StoredFile>> {
        Disk.open(file).map(|file| self.file(file))
    }
    fn open_read_only(&self, file: &Path) -> io::Result<Arc<dyn StoredFile>> {
        Disk.open_read_only(file)
    }
    fn create(&self, file: &Path) -> io::Result<Arc<dyn StoredFile>> {
        Disk.create(file).map(|file| self.file(file))
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        Disk.sync_dir(dir)
    }
    fn lock(&self, file: &Path) -> io::Result<Option<Lock>> {
        Disk.lock(file)
    }
}

impl StoredFile for SlowerFile {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(into, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(bytes, offset)
    }
    fn sync(&self) -> io::Result<()> {
        thread::sleep(self.1);
        self.0.sync()
    }
}

/// What the same group commit costs with nothing but a file: the ideal.
struct Bare(mpsc::Sender<(Bytes, oneshot::Sender<()>)>);

impl Bare {
    fn open(dir: &Path, sync_takes: Duration) -> Self {
        let file = File::create(dir.join("bare")).expect("a temporary directory takes files");
        let (sender, mut queue) = mpsc::channel::<(Bytes, oneshot::Sender<()>)>(1024);
        thread::spawn(move || {
            let (mut end, mut group) = (0, Vec::new());
            while queue.blocking_recv_many(&mut group, 1024) > 0 {
                let bytes: Vec<u8> = group.iter().flat_map(|(body, _)| body).copied().collect();
                file.write_all_at(&bytes, end).expect("the disk works");
                thread::sleep(sync_takes);
                file.sync_data().expect("the disk works");
                end += bytes.len() as u64;
                for (_, waiting) in group.drain(..) {
                    waiting.send(()).expect("the writer waits");
                }
            }
        });
        Self(sender)
    }

    async fn append(&self, body: Bytes) {
        let (done, wait) = oneshot::channel();
        let sent = self.0.send((body, done)).await;
        sent.expect("the thread runs as long as the sender lives");
        wait.await.expect("every write is answered");
    }
}

/// One event of 1 KiB for each stream from `first` on.
fn appends(first: u64, count: u64) -> Vec<Append> {
    let one = |n: u64| {
        let mut next = append(LOG, n.into(), 0, 1);
        let sealed = Envelope {
            subject: next.writes[0].stream.clone(),
            requestid: next.request,
            data: serde_json::json!({ "text": "x".repeat(256) }),
            ..envelope(LOG, "note", 1)
        };
        next.writes[0].events = vec![Body::seal(&sealed).expect("the envelope is complete")];
        next
    };
    (first..first + count).map(one).collect()
}

/// Deals the work to the writers, and times them.
async fn timed<W, F>(
    writers: usize,
    work: Vec<W>,
    write: impl Fn(W) -> F + Clone + Send + 'static,
) -> Duration
where
    W: Send + 'static,
    F: Future<Output = ()> + Send,
{
    let mut shares: Vec<Vec<W>> = (0..writers).map(|_| Vec::new()).collect();
    for (n, one) in work.into_iter().enumerate() {
        shares[n % writers].push(one);
    }
    let begun = Instant::now();
    let tasks = shares.into_iter().map(|share| {
        let write = write.clone();
        tokio::spawn(async move {
            for one in share {
                write(one).await;
            }
        })
    });
    join_all(tasks).await;
    begun.elapsed()
}

fn durable_appends(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime starts");
    for sync_takes in SYNC_TAKES {
        let name = format!("append, sync + {} ms", sync_takes.as_millis());
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(1)).sample_size(10);
        for writers in WRITERS {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let bare = Arc::new(Bare::open(dir.path(), sync_takes));
            group.bench_function(format!("bare file, {writers} writers"), |bencher| {
                bencher.iter_custom(|count| {
                    let bodies = appends(0, count).into_iter();
                    let bodies = bodies.map(|it| it.writes[0].events[0].bytes().clone());
                    let bare = Arc::clone(&bare);
                    let write = move |body| {
                        let bare = Arc::clone(&bare);
                        async move { bare.append(body).await }
                    };
                    runtime.block_on(timed(writers, bodies.collect(), write))
                });
            });
            let log = Arc::new(open(dir.path(), sync_takes));
            let mut next = 0;
            group.bench_function(format!("segment log, {writers} writers"), |bencher| {
                bencher.iter_custom(|count| {
                    let work = appends(next, count);
                    next += count;
                    let log = Arc::clone(&log);
                    let write = move |append| {
                        let log = Arc::clone(&log);
                        async move {
                            log.append(append).await.expect("it is taken");
                        }
                    };
                    runtime.block_on(timed(writers, work, write))
                });
            });
        }
        group.finish();
    }
}

fn open(dir: &Path, sync_takes: Duration) -> SegmentLog {
    let options = Options {
        storage: Arc::new(Slower(sync_takes)),
        scrub_every: None,
        ..Options::default()
    };
    let id = LOG.parse().expect("it is the name of a log");
    let (log, _) = SegmentLog::open(dir, id, &[], &options).expect("it opens");
    log
}

criterion_group!(benches, durable_appends);
criterion_main!(benches);
