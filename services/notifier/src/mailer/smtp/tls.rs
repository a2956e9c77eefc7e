use std::{path::Path, sync::Arc};

use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, pem::PemObject},
    },
};

use crate::SettingsError;

/// Trusts the system's authorities and those of `ca_file`.
pub(super) fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, SettingsError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    if let Some(path) = ca_file {
        let refused = |detail: String| SettingsError::File {
            setting: "ca_file",
            path: path.to_owned(),
            source: std::io::Error::other(detail),
        };
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| refused(error.to_string()))?;
        let before = roots.len();
        for certificate in certificates {
            let certificate = certificate.map_err(|error| refused(error.to_string()))?;
            roots.add(certificate).map_err(|error| refused(error.to_string()))?;
        }
        if roots.len() == before {
            return Err(refused("there is no certificate in it".to_owned()));
        }
    }
    if roots.is_empty() {
        let errors: Vec<_> = system.errors.iter().map(ToString::to_string).collect();
        return Err(SettingsError::NoAuthorities(errors.join("; ")));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| SettingsError::NoAuthorities(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
