//! Who is calling.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{HeaderMap, request::Parts},
};

/// The reader's address: the socket's peer, or what the outermost of our `trusted` proxies saw. Entries further left in
/// `X-Forwarded-For` are the caller's own words.
pub(crate) fn ip(parts: &Parts, trusted: u8) -> Option<IpAddr> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    forwarded(&parts.headers, trusted).or(peer).map(|ip| ip.to_canonical())
}

fn forwarded(headers: &HeaderMap, trusted: u8) -> Option<IpAddr> {
    let values = headers.get_all("x-forwarded-for");
    let entries: Vec<&str> = values.iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')).collect();
    let index = entries.len().checked_sub(usize::from(trusted.max(1)))?;
    if trusted == 0 {
        return None;
    }
    let entry = entries[index].trim();
    entry.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nobody_is_trusted(0, Some("6.6.6.6"), "127.0.0.1")]
    #[case::the_proxy_saw_the_last(1, Some("6.6.6.6, 192.0.2.7"), "192.0.2.7")]
    #[case::two_proxies(2, Some("6.6.6.6, 192.0.2.7, 10.0.0.1"), "192.0.2.7")]
    #[case::with_a_port(1, Some("192.0.2.7:1234"), "192.0.2.7")]
    #[case::ipv6_with_a_port(1, Some("[2001:db8::7]:1234"), "2001:db8::7")]
    #[case::mapped(1, Some("::ffff:192.0.2.7"), "192.0.2.7")]
    #[case::fewer_entries_than_proxies(2, Some("6.6.6.6"), "127.0.0.1")]
    #[case::no_header(1, None, "127.0.0.1")]
    #[case::nonsense(1, Some("unknown"), "127.0.0.1")]
    fn the_address(#[case] trusted: u8, #[case] header: Option<&str>, #[case] expected: &str) {
        let mut request = Request::builder().extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 9))));
        if let Some(header) = header {
            request = request.header("x-forwarded-for", header);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        assert_eq!(ip(&parts, trusted), expected.parse().ok());
    }
}
