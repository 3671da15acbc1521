//! The projection store on sled: rows and checkpoints on this machine's disk.
//!
//! sled is fast and small, and trusted with nothing: it does not sync when told to, and it panics
//! or forgets when its files are damaged. Hence all it holds can be rebuilt from the logs, each row
//! carries a checksum, and a tally over all rows says on opening whether they are one state that
//! was committed. If they are not, the store starts empty and the runners of the projections fill
//! it again from the first event.

mod open;
mod row;
mod store;
mod tally;

pub use open::{OpenReport, StoreSettings};
pub use store::SledStore;
