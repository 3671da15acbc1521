//! Rules and events of the directory context.
