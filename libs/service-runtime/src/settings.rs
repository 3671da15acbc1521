//! Settings from a TOML file and the environment; a key that nobody knows is refused.

use std::path::Path;

use serde::de::DeserializeOwned;

/// The settings cannot be used; says which key and why.
#[derive(Debug, thiserror::Error)]
#[error("settings: {0}")]
pub struct SettingsError(#[from] config::ConfigError);

/// Reads `file` (if given), then `LIANDONG_NODE_<KEY>` from the environment; nested keys
/// with `__`.
///
/// `T` should be `#[serde(deny_unknown_fields)]`.
///
/// # Errors
/// [`SettingsError`] for a missing file, an unknown key, a value of the wrong shape.
pub fn load<T: DeserializeOwned>(file: Option<&Path>) -> Result<T, SettingsError> {
    let mut builder = config::Config::builder();
    if let Some(file) = file {
        builder = builder.add_source(config::File::from(file).required(true));
    }
    let environment = config::Environment::with_prefix("LIANDONG_NODE")
        .prefix_separator("_")
        .separator("__");
    Ok(builder.add_source(environment).build()?.try_deserialize()?)
}
