//! Nodes: the services of a region on real adapters, below one directory, behind one address.
//!
//! This is the one place where ports meet adapters. The program, the services' own binaries and the
//! component tests all start their services through it.

pub mod alone;
pub mod client;
mod copies;
mod hosting;
mod keyring;
mod keys;
mod layout;
mod leased_keys;
mod log_watch;
mod region;
pub mod sealing;
mod system;

pub use copies::CopySettings;
pub use hosting::{Hosting, Parts};
pub use keys::KeySettings;
pub use layout::Layout;
pub use region::{NodeError, RegionNode};
pub use system::{NotSettled, Settings, System};
