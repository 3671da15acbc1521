//! Settings from a TOML file and the environment; a key that nobody knows is refused.

use std::path::Path;

use config::{Config, Environment, File};
use serde::de::DeserializeOwned;

/// The settings cannot be used; says which key and why.
#[derive(Debug, thiserror::Error)]
#[error("settings: {0}")]
pub struct SettingsError(#[from] config::ConfigError);

/// Reads `file` (if given), then `LIANDONG_NODE_<KEY>` from the environment; nested keys
/// with `__`, the values of `lists` separated by commas.
///
/// `T` should be `#[serde(deny_unknown_fields)]`.
///
/// # Errors
/// [`SettingsError`] for a missing file, an unknown key, a value of the wrong shape.
pub fn load<T: DeserializeOwned>(file: Option<&Path>, lists: &[&str]) -> Result<T, SettingsError> {
    read(file, environment(lists))
}

fn environment(lists: &[&str]) -> Environment {
    let environment = Environment::with_prefix("LIANDONG_NODE")
        .prefix_separator("_")
        .separator("__");
    if lists.is_empty() {
        return environment;
    }
    let separated = environment.try_parsing(true).list_separator(",");
    let with_list = |environment: Environment, key: &&str| environment.with_list_parse_key(key);
    lists.iter().fold(separated, with_list)
}

fn read<T: DeserializeOwned>(
    file: Option<&Path>,
    environment: Environment,
) -> Result<T, SettingsError> {
    let mut builder = Config::builder();
    if let Some(file) = file {
        builder = builder.add_source(File::from(file).required(true));
    }
    Ok(builder.add_source(environment).build()?.try_deserialize()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        region: String,
        regions: Vec<String>,
    }

    fn from(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let variables = variables.iter();
        let variables = variables.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let environment = environment(&["regions"]).source(Some(variables.collect()));
        read(None, environment)
    }

    #[test]
    fn a_list_comes_from_the_environment_and_a_key_that_nobody_knows_is_refused() {
        let known = [
            ("LIANDONG_NODE_REGION", "310000"),
            ("LIANDONG_NODE_REGIONS", "310000,370200"),
        ];
        let expected = Settings {
            region: "310000".to_owned(),
            regions: vec!["310000".to_owned(), "370200".to_owned()],
        };
        assert_eq!(from(&known).unwrap(), expected);
        let misspelt = [&known[..], &[("LIANDONG_NODE_REGOIN", "310000")]].concat();
        let refused = from(&misspelt).unwrap_err().to_string();
        assert!(refused.contains("regoin"), "{refused}");
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let missing = read::<Settings>(Some(Path::new("nowhere.toml")), environment(&[]));
        let refused = missing.unwrap_err().to_string();
        assert!(refused.contains("nowhere.toml"), "{refused}");
    }
}
