//! The SMTP client by itself: encrypted connections, logins, connections at rest.
//!
//! The key and certificate in `tls/` were made for these tests, and nobody trusts them.

use std::{path::PathBuf, sync::Arc};

use rejoinder_notifier::{
    Security, Smtp,
    mail::Mail,
    mailer::{Failure, Mailer, SmtpMailer, Step},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use crate::smtp::{Server, Turn, Wire};

fn certificate() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "it", "tls", "localhost.pem"].iter().collect()
}

fn acceptor() -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(certificate()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(self::certificate().with_extension("key")).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a pair");
    TlsAcceptor::from(Arc::new(config))
}

async fn server(wire: Wire, login: Option<&str>) -> Server {
    Server::at("127.0.0.1:0".parse().expect("an address"), [], wire, login).await
}

fn settings(server: &Server, security: Security) -> Smtp {
    Smtp {
        host: "localhost".into(),
        port: server.address.port(),
        security,
        ca_file: Some(certificate()),
        command_seconds: 5.0,
        ..Smtp::default()
    }
}

fn mailer(settings: &Smtp) -> Mailer {
    Mailer::Smtp(Box::new(SmtpMailer::new(settings).expect("valid settings")))
}

fn mail() -> Mail {
    let email: rejoinder_notifier::Email = "desk@news.example".parse().expect("an address");
    let bytes = b"Message-ID: <1@news.example>\r\n\r\nhello\r\n.dot\r\n".to_vec();
    Mail { id: uuid::Uuid::nil(), from: email.clone(), to: email, bytes }
}

async fn send(settings: &Smtp) -> Result<(), Failure> {
    mailer(settings).send(&mail()).await
}

#[tokio::test]
async fn a_connection_that_died_at_rest_is_replaced_within_the_call() {
    let address = "127.0.0.1:0".parse().expect("an address");
    let server = Server::at(address, [Turn::TakeThenClose, Turn::Take], Wire::Plain, None).await;
    let mailer = mailer(&settings(&server, Security::None));
    for _ in 0..3 {
        mailer.send(&mail()).await.expect("taken");
    }
    assert_eq!((server.taken().len(), server.connections()), (3, 2));
}

#[tokio::test]
async fn a_silent_server_is_left_in_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let silent = Smtp {
        host: "127.0.0.1".into(),
        port,
        security: Security::None,
        connect_seconds: 0.2,
        command_seconds: 0.2,
        ..Smtp::default()
    };
    for security in [Security::None, Security::Starttls, Security::Tls] {
        let settings = Smtp { security, ca_file: Some(certificate()), ..silent.clone() };
        let failure = send(&settings).await.expect_err("nobody answers");
        assert!(matches!(failure, Failure::Connection { step: Step::Session, .. }), "{failure:?}");
    }
}

#[tokio::test]
async fn mail_goes_out_over_tls_and_starttls_with_a_login() {
    // "\0desk\0secret"
    let login = Some("AGRlc2sAc2VjcmV0");
    let folder = tempfile::tempdir().expect("a folder");
    let password = folder.path().join("password");
    std::fs::write(&password, "secret\n").expect("written");
    let cases = [(Wire::Tls(acceptor()), Security::Tls), (Wire::StartTls(acceptor()), Security::Starttls)];
    for (wire, security) in cases {
        let server = server(wire, login).await;
        let known =
            Smtp { username: "desk".into(), password_file: Some(password.clone()), ..settings(&server, security) };
        send(&known).await.expect("taken");
        assert!(server.taken()[0].data.ends_with(b"\r\n.dot\r\n\r\n"), "dots are doubled on the wire, and only there");
    }
}

#[tokio::test]
async fn a_wrong_password_is_about_the_login() {
    let folder = tempfile::tempdir().expect("a folder");
    let password = folder.path().join("password");
    std::fs::write(&password, "wrong").expect("written");
    let server = server(Wire::Tls(acceptor()), Some("AGRlc2sAc2VjcmV0")).await;
    let wrong = Smtp { username: "desk".into(), password_file: Some(password), ..settings(&server, Security::Tls) };
    assert_eq!(send(&wrong).await, Err(Failure::Reply { code: 535, step: Step::Login }));
}

#[tokio::test]
async fn nothing_is_sent_where_encryption_fails() {
    let refused = |result: Result<(), Failure>| match result {
        Err(Failure::Connection { step: Step::Session, detail }) => detail,
        other => panic!("{other:?}"),
    };
    // A server that does not offer it.
    let plain = server(Wire::Plain, None).await;
    let detail = refused(send(&settings(&plain, Security::Starttls)).await);
    assert!(detail.contains("no STARTTLS"), "{detail}");
    // An answer that came in the clear, to be taken for an encrypted one.
    let meddled = server(Wire::StartTlsWithExtra(acceptor()), None).await;
    let detail = refused(send(&settings(&meddled, Security::Starttls)).await);
    assert!(detail.contains("more than it was asked for"), "{detail}");
    // A certificate for another name.
    let tls = server(Wire::Tls(acceptor()), None).await;
    let foreign = Smtp { host: "127.0.0.1".into(), ..settings(&tls, Security::Tls) };
    let detail = refused(send(&foreign).await);
    assert!(detail.contains("certificate"), "{detail}");
    for server in [&plain, &meddled, &tls] {
        assert!(server.taken().is_empty());
        assert!(!server.commands().iter().any(|command| command.starts_with("MAIL")));
    }
}
