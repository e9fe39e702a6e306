//! Encryption as libpq's `sslmode` defines it, on rustls with ring.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::url::{ServerUrl, SslMode};

/// A connector for the URL's `sslmode`; an error is a sentence about the files it names.
pub(crate) fn connector(url: &ServerUrl) -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let lenient = |certificates| Arc::new(Lenient { certificates, provider: provider.clone() });
    let verifier: Arc<dyn ServerCertVerifier> = match url.ssl_mode() {
        SslMode::VerifyFull => authorities(url, &provider)?,
        SslMode::VerifyCa => lenient(Certificates::AnyName(authorities(url, &provider)?)),
        _ => lenient(Certificates::Any),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    // `sslcert` is the client's certificate where there is a key for it, as in libpq. Prisma means the
    // server's authority by it, see `authorities`.
    let config = match url.parameter("sslcert").zip(url.parameter("sslkey")) {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = certificates("sslcert", certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("sslkey", key, &error))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| error.to_string())?
        }
    };
    Ok(MakeRustlsConnect::new(config))
}

/// Checks certificates against `sslrootcert` (or Prisma's `sslcert`), else against the system's store.
fn authorities(url: &ServerUrl, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, String> {
    let named =
        url.parameter("sslrootcert").filter(|path| *path != "system").map(|path| ("sslrootcert", path));
    let of_prisma = || {
        url.parameter("sslcert").filter(|_| url.parameter("sslkey").is_none()).map(|path| ("sslcert", path))
    };
    let mut roots = RootCertStore::empty();
    match named.or_else(of_prisma) {
        Some((name, path)) => {
            for certificate in certificates(name, path)? {
                roots.add(certificate).map_err(|error| unreadable(name, path, &error))?;
            }
        }
        None => {
            // Single certificates of the system's store that cannot be read are usual.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err("no certificate of an authority was found to check the server against".into());
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| error.to_string())
}

fn certificates(parameter: &str, path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => {
            Err(format!("the file \"{path}\" of {parameter} holds no certificate in PEM form"))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(unreadable(parameter, path, &error)),
    }
}

fn unreadable(parameter: &str, path: &str, error: &dyn std::error::Error) -> String {
    format!("cannot read the file \"{path}\" of {parameter}: {error}")
}

/// Checks the server's certificate less than rustls would by itself; signatures are always checked.
#[derive(Debug)]
struct Lenient {
    certificates: Certificates,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
enum Certificates {
    /// `sslmode=verify-ca`: the chain is checked, the name is not.
    AnyName(Arc<WebPkiServerVerifier>),
    /// `sslmode=require` and weaker: encrypted, and nothing is known about who answers. That is what libpq does, and
    /// what most managed servers with their self-signed certificates need.
    Any,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Certificates::AnyName(verifier) = &self.certificates else {
            return Ok(ServerCertVerified::assertion());
        };
        match verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last, after the chain was found good.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
