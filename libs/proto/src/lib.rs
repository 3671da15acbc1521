//! The gRPC contract in Rust, generated from /proto; and what all commands have in common.

// Generated code is written for another taste than ours.
#![allow(clippy::all, clippy::pedantic)]

include!(concat!(env!("OUT_DIR"), "/modules.rs"));
include!(concat!(env!("OUT_DIR"), "/commands.rs"));

/// All of /proto as an encoded `FileDescriptorSet`, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// A request that commands something: it carries a [`types::v1::CommandMeta`].
pub trait CommandRequest: prost::Message + Clone {
    /// The full name of the message: two commands with the same fields are still two commands.
    const NAME: &'static str;

    fn meta(&self) -> Option<&types::v1::CommandMeta>;

    fn take_meta(&mut self) -> Option<types::v1::CommandMeta>;
}

/// An enum of the contract: its values are known by name, so that no table of numbers is kept by hand.
pub trait Word {
    /// What all its values begin with: `RISK_LEVEL_`.
    const PREFIX: &'static str;

    fn full_name(number: i32) -> Option<&'static str>;

    fn number(full_name: &str) -> Option<i32>;
}
