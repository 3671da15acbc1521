//! The directory service over real gRPC, with real logs and stores below a temporary directory.

mod commands;
mod fixture;
mod refusals;
mod views;
