//! A disk that is full, and one that fails to sync, under one log of a whole system.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use acceptance::World;
use domain::values::Role;
use eventsourcing::Position;
use proto::intake::v1 as intake;
use proto::timeline::v1::VerifyLogRequest;
use proto::timeline::v1::timeline_service_client::TimelineServiceClient;
use segment_log::{Disk, Entry, Lock, Storage, StoredFile};
use tonic::Code;

use crate::calls::{Desk, SHANGHAI, monday, refusal};

const LOG: &str = "310000.intake";
/// Room for some dozens of contacts.
const SEGMENT_BYTES: u64 = 64 << 10;

/// The real disk, but for what goes wrong in one log's directory.
#[derive(Clone)]
struct FaultyDisk {
    dir: PathBuf,
    faults: Arc<Faults>,
}

#[derive(Default)]
struct Faults {
    /// No file can grow.
    full: AtomicBool,
    /// No sync succeeds.
    broken: AtomicBool,
}

impl FaultyDisk {
    fn new(root: &Path) -> Self {
        Self {
            dir: root.join("data").join(SHANGHAI).join("intake").join("log"),
            faults: Arc::default(),
        }
    }

    async fn world(&self, root: &Path) -> World {
        let storage = Arc::new(self.clone());
        World::start_as(
            root,
            monday(),
            |settings| {
                settings.log_options.segment_bytes = SEGMENT_BYTES;
                settings.log_options.storage = storage;
            },
            |_, feed| Arc::new(feed),
        )
        .await
    }

    fn set(fault: &AtomicBool, on: bool) {
        fault.store(on, Ordering::SeqCst);
    }

    fn faulty(&self, path: &Path, file: Arc<dyn StoredFile>) -> Arc<dyn StoredFile> {
        if !path.starts_with(&self.dir) {
            return file;
        }
        let faults = self.faults.clone();
        Arc::new(FaultyFile { file, faults })
    }
}

impl Storage for FaultyDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        Disk.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        Disk.list(dir)
    }

    fn open(&self, file: &Path) -> io::Result<Arc<dyn StoredFile>> {
        Ok(self.faulty(file, Disk.open(file)?))
    }

    fn open_read_only(&self, file: &Path) -> io::Result<Arc<dyn StoredFile>> {
        Disk.open_read_only(file)
    }

    fn create(&self, file: &Path) -> io::Result<Arc<dyn StoredFile>> {
        Ok(self.faulty(file, Disk.create(file)?))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        Disk.sync_dir(dir)
    }

    fn lock(&self, file: &Path) -> io::Result<Option<Lock>> {
        Disk.lock(file)
    }
}

struct FaultyFile {
    file: Arc<dyn StoredFile>,
    faults: Arc<Faults>,
}

impl StoredFile for FaultyFile {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(into, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let end = offset + bytes.len() as u64;
        if self.faults.full.load(Ordering::SeqCst) && end > self.file.size()? {
            return Err(ErrorKind::StorageFull.into());
        }
        self.file.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        if self.faults.broken.load(Ordering::SeqCst) {
            return Err(io::Error::other("input/output error"));
        }
        self.file.sync()
    }
}

/// How many contacts the log holds.
async fn contacts(world: &World) -> usize {
    let events = world.log(LOG).read_all(Position(0), 100_000).await.unwrap();
    let contacts = events
        .iter()
        .filter(|event| event.envelope.event_type == "intake.ContactRecorded");
    contacts.count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_by_name_while_reads_answer_and_takes_the_same_request_when_it_has_room()
 {
    let root = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::new(root.path());
    let world = disk.world(root.path()).await;
    let mut desk = Desk::of(&world).await;
    FaultyDisk::set(&disk.faults.full, true);
    let mut taken = Vec::new();
    let refused = loop {
        let request = desk.silent_call(world.meta());
        match desk.record(&request).await {
            Ok(recorded) => taken.push(recorded),
            Err(status) => break (request, status),
        }
        assert!(taken.len() < 1_000, "the disk is never full");
    };
    let (request, status) = refused;
    let expected = (Code::ResourceExhausted, "DISK_FULL".to_owned());
    assert_eq!(refusal(&status), expected);
    assert!(!taken.is_empty());

    world.settle().await;
    let get = intake::GetIntakeRequest {
        intake_id: taken[0].id.clone(),
        consistency_token: taken.last().unwrap().consistency_token.clone(),
    };
    let read = desk.intake.get_intake(desk.worker.request(get)).await;
    assert_eq!(
        read.unwrap().into_inner().intake.unwrap().case_id,
        taken[0].case_id
    );
    let mut timeline = TimelineServiceClient::new(world.channel(SHANGHAI).await);
    let verify = VerifyLogRequest {
        log: LOG.to_owned(),
    };
    let auditor = world.caller("sh-auditor", Role::Auditor);
    let verified = timeline.verify_log(auditor.request(verify)).await;
    let verified = verified.unwrap().into_inner().log.unwrap();
    assert_eq!(verified.problem, "");
    assert_eq!(contacts(&world).await, taken.len());

    FaultyDisk::set(&disk.faults.full, false);
    let recorded = desk.record(&request).await.unwrap();
    assert!(!recorded.repeated);
    let again = desk.record(&request).await.unwrap();
    assert!(again.repeated);
    assert_eq!(again.id, recorded.id);
    assert_eq!(contacts(&world).await, taken.len() + 1);
    drop((desk, timeline));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_sync_every_acknowledged_command_is_there_and_the_resend_counts_once() {
    let root = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::new(root.path());
    let world = disk.world(root.path()).await;
    let desk = Desk::of(&world).await;
    let mut taken = Vec::new();
    for _ in 0..20 {
        let request = desk.silent_call(world.meta());
        let recorded = desk.record(&request).await.unwrap();
        taken.push((request, recorded));
    }
    FaultyDisk::set(&disk.faults.broken, true);
    let unknown = desk.silent_call(world.meta());
    let status = desk.record(&unknown).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    drop(desk);
    FaultyDisk::set(&disk.faults.broken, false);
    stopped(world).await;

    let world = disk.world(root.path()).await;
    let desk = Desk::of(&world).await;
    for (request, recorded) in &taken {
        let again = desk.record(request).await.unwrap();
        assert!(again.repeated);
        assert_eq!((&again.id, &again.events), (&recorded.id, &recorded.events));
    }
    // Whether it got to the disk before the sync failed nobody can say; it counts once.
    desk.record(&unknown).await.unwrap();
    assert!(desk.record(&unknown).await.unwrap().repeated);
    assert_eq!(contacts(&world).await, taken.len() + 1);
    drop(desk);
    world.stop().await;
}

/// Stops what may have stopped by itself.
async fn stopped(world: World) {
    let system = Arc::into_inner(world.system).unwrap();
    let _ = system.stop().await;
}
