//! Rejects cross-site requests: a page of another site must not start a run, even on a server on the local machine.

use std::net::{Ipv4Addr, Ipv6Addr};

use hyper::StatusCode;
use hyper::header::{self, HeaderMap};

use super::http_util::Problem;

/// Rejects requests that a browser sends for a page of another site. With `is_local`, also rejects requests whose
/// `Host` is not a loopback name or address, because another site's name can be resolved to this machine (DNS
/// rebinding).
///
/// # Errors
/// A problem with status 403 that names the header.
pub(super) fn refuse_cross_site(headers: &HeaderMap, is_local: bool) -> Result<(), Problem> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("not ASCII"));
    let rejected = |name: &str, value: &str, expected: &str| {
        let detail =
            format!("invalid {name} {value:?}: expected {expected}; pages of other sites cannot start a run");
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    };
    match text("sec-fetch-site") {
        None | Some("same-origin" | "none") => {}
        Some(other) => return rejected("Sec-Fetch-Site", other, "same-origin"),
    }
    let host = text(header::HOST.as_str());
    if let Some(origin) = text(header::ORIGIN.as_str()) {
        let is_same_origin = origin
            .split_once("://")
            .is_some_and(|(_, authority)| host.is_some_and(|host| authority.eq_ignore_ascii_case(host)));
        if !is_same_origin {
            return rejected("Origin", origin, "the origin of this server");
        }
    }
    match host {
        Some(host) if is_local && !is_loopback(host) => {
            rejected("Host", host, "localhost or an address of this machine")
        }
        _ => Ok(()),
    }
}

/// Whether `host`, with or without a port, is `localhost` or a loopback address.
fn is_loopback(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[') {
        let address = inner.split(']').next().unwrap_or_default();
        return address.parse().is_ok_and(|address: Ipv6Addr| address.is_loopback());
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.eq_ignore_ascii_case("localhost")
        || name.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn is_rejected(pairs: &[(&str, &str)], is_local: bool) -> bool {
        let pair = |&(name, value): &(&str, &str)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
        };
        let rejection = refuse_cross_site(&pairs.iter().map(pair).collect(), is_local).err();
        rejection.is_some_and(|problem| problem.status() == StatusCode::FORBIDDEN)
    }

    #[test]
    fn a_page_of_another_site_cannot_start_a_run() {
        let host = ("host", "127.0.0.1:8080");
        for is_local in [true, false] {
            for bad in [
                ("origin", "https://evil.example"),
                ("origin", "http://127.0.0.1:9090"),
                ("origin", "http://localhost:8080"),
                ("origin", "null"),
                ("origin", "127.0.0.1:8080"),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-site", "same-site"),
                ("sec-fetch-site", "\u{e9}"),
            ] {
                assert!(is_rejected(&[host, bad], is_local), "{bad:?}");
            }
            for good in [
                ("origin", "http://127.0.0.1:8080"),
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-site", "none"),
                ("user-agent", "Google-Cloud-Scheduler"),
            ] {
                assert!(!is_rejected(&[host, good], is_local), "{good:?}");
            }
        }
        assert!(!is_rejected(&[], true));
    }

    #[test]
    fn a_local_server_accepts_only_loopback_names() {
        for host in [
            "evil.example:8080",
            "10.0.0.7",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "[2001:db8::1]:80",
        ] {
            assert!(is_rejected(&[("host", host), ("origin", &format!("http://{host}"))], true), "{host}");
            assert!(!is_rejected(&[("host", host)], false), "{host}");
        }
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.9.9.9:1", "[::1]:8080"] {
            assert!(!is_rejected(&[("host", host)], true), "{host}");
        }
    }
}
