//! The directory service: who exists and which limits hold in a region.

pub mod reference;
