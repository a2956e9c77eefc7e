use crate::{
    LogError,
    files::{self, Watched},
};

use super::settings::KafkaSettings;

/// Properties that name a file which librdkafka reads when a client is made.
const FILES: [&str; 5] =
    ["ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.keystore.location", "ssl.crl.location"];

/// The settings of a client with what their files held when it was made, and those files under watch.
#[derive(Clone)]
pub struct Access {
    pub settings: KafkaSettings,
    watched: Watched,
}

impl Access {
    /// Reads the files. [`LogError::Fatal`] names the property whose file cannot be read.
    pub fn new(settings: &KafkaSettings) -> Result<Self, LogError> {
        let named = FILES.iter().filter_map(|key| settings.properties.get(*key)).map(Into::into);
        let watched = Watched::new(named.chain(settings.property_files.values().cloned()));
        let mut settings = settings.clone();
        for (key, file) in &settings.property_files {
            let value = files::read_line(file)
                .map_err(|error| LogError::Fatal(format!("kafka.property_files.{key:?}: {error}")))?;
            settings.properties.insert(key.clone(), value);
        }
        Ok(Self { settings, watched })
    }

    /// Whether a file has changed since this was last asked.
    pub fn changed(&mut self) -> bool {
        self.watched.changed()
    }

    /// When a file has changed: the settings as they are now, and what `make` makes of them. Where that fails, what was read
    /// before stays in use, and the log says why.
    pub fn renewed<T>(&mut self, make: impl FnOnce(&KafkaSettings) -> Result<T, LogError>) -> Option<(Self, T)> {
        if !self.changed() {
            return None;
        }
        let renewed = Self::new(&self.settings).and_then(|access| make(&access.settings).map(|made| (access, made)));
        match renewed {
            Ok(renewed) => {
                tracing::info!("a file of the settings has changed; starting over with new kafka clients");
                Some(renewed)
            }
            Err(error) => {
                tracing::error!(%error, "a file of the settings has changed to what cannot be used; going on without it");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_is_read_from_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("password");
        let settings = KafkaSettings {
            property_files: [("sasl.password".to_owned(), file.clone())].into(),
            ..KafkaSettings::default()
        };
        let error = Access::new(&settings).err().expect("there is no file").to_string();
        assert!(error.contains("kafka.property_files.\"sasl.password\"") && error.contains("No such file"), "{error}");
        std::fs::write(&file, "opensesame\n").expect("written");
        let access = Access::new(&settings).expect("read");
        assert_eq!(access.settings.properties.get("sasl.password").map(String::as_str), Some("opensesame"));
        assert!(!format!("{:?}", access.settings).contains("opensesame"));
    }
}
