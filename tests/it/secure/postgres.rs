//! PostgreSQL over TLS, with its name verified.

use super::Secured;
use crate::harness::Home;

#[tokio::test]
async fn the_database_must_show_who_it_is() {
    let Some(secured) = Secured::find("the_database_must_show_who_it_is").await else { return };
    let home =
        |url: &str| Home::new(&format!("deployment = \"distributed\"\npostgres.url = \"{url}\"\n[sites.news]\n"));
    let good = secured.database("rejoinder:rejoinder-secret");
    home(&good).succeed(&["migrate"]);
    home(&good).succeed(&["checksum"]);

    let (_, port) = secured.postgres.rsplit_once(':').expect("a port");
    let address = format!("@127.0.0.1:{port}/");
    let cases = [
        // The certificate is for localhost.
        (good.replace(&format!("@localhost:{port}/"), &address), "certificate not valid for name \"127.0.0.1\""),
        (good.replace("/ca.pem", "/other-ca.pem"), "UnknownIssuer"),
        (good.replace("verify-full", "disable"), "no pg_hba.conf entry"),
        (good.replace("rejoinder-secret", "opensesame"), "password authentication failed"),
    ];
    for (url, reason) in cases {
        let output = home(&url).output(&["checksum"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(reason), "{reason}: {said}");
        assert!(!said.contains("opensesame") && !said.contains("rejoinder-secret"), "{said}");
    }
}

#[tokio::test]
async fn a_certificate_serves_as_a_login() {
    let Some(secured) = Secured::find("a_certificate_serves_as_a_login").await else { return };
    let url = format!(
        "{}&sslcert={}&sslkey={}",
        secured.database("gateway"),
        secured.file("gateway.pem"),
        secured.file("gateway.key")
    );
    let home =
        |url: &str| Home::new(&format!("deployment = \"distributed\"\npostgres.url = \"{url}\"\n[sites.news]\n"));
    home(&url).succeed(&["migrate"]);
    // Somebody else's certificate is none of hers.
    let output = home(&url.replace("/gateway.", "/notifier.")).output(&["checksum"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("certificate authentication failed"), "{said}");
}
