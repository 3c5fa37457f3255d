//! The trace context of a request, from the W3C header or the older header of Google Cloud.

use hyper::HeaderMap;

/// The trace of a request, and the span of the client in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceContext {
    /// 32 hexadecimal digits, not all zero.
    pub(crate) trace_id: String,
    /// 16 hexadecimal digits, not all zero.
    pub(crate) span_id: Option<String>,
}

impl TraceContext {
    /// Reads `traceparent`, else `X-Cloud-Trace-Context`; a malformed header is ignored, as both specifications
    /// require.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        text("traceparent")
            .and_then(Self::from_traceparent)
            .or_else(|| text("x-cloud-trace-context").and_then(Self::from_cloud))
    }

    /// `00-{32 hex}-{16 hex}-{2 hex}`; a later version may append fields, which are ignored.
    fn from_traceparent(value: &str) -> Option<Self> {
        let mut parts = value.trim().split('-');
        let (version, trace_id, span_id, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_known = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
        (is_known && is_id(trace_id, 32) && is_id(span_id, 16) && is_hex(flags, 2))
            .then(|| Self { trace_id: trace_id.to_owned(), span_id: Some(span_id.to_owned()) })
    }

    /// `{32 hex}`, `{32 hex}/{decimal span}` or `{32 hex}/{decimal span};o={flag}`.
    fn from_cloud(value: &str) -> Option<Self> {
        let ids = value.trim().split(';').next()?;
        let (trace_id, span) = ids.split_once('/').map_or((ids, None), |(trace, span)| (trace, Some(span)));
        let trace_id = trace_id.to_ascii_lowercase();
        let span_id = span.and_then(|span| span.parse::<u64>().ok()).filter(|&span| span != 0);
        is_id(&trace_id, 32).then(|| Self { trace_id, span_id: span_id.map(|span| format!("{span:016x}")) })
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_id(text: &str, digits: usize) -> bool {
    is_hex(text, digits) && text.bytes().any(|b| b != b'0')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn read(name: &'static str, value: &str) -> Option<TraceContext> {
        TraceContext::from_headers(&HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]))
    }

    fn context(span: Option<&str>) -> TraceContext {
        TraceContext { trace_id: TRACE.into(), span_id: span.map(Into::into) }
    }

    #[test]
    fn both_headers_contain_the_trace_and_the_span_of_the_client() {
        let w3c = format!("00-{TRACE}-00f067aa0ba902b7-01");
        assert_eq!(read("traceparent", &w3c), Some(context(Some("00f067aa0ba902b7"))));
        assert!(read("traceparent", &format!("cc-{TRACE}-00f067aa0ba902b7-01-later")).is_some());
        assert_eq!(
            read("x-cloud-trace-context", &format!("{TRACE}/67667974448284343;o=1")),
            Some(context(Some("00f067aa0ba902b7")))
        );
        assert_eq!(read("x-cloud-trace-context", TRACE), Some(context(None)));
    }

    #[test]
    fn a_malformed_header_is_ignored_and_the_other_is_used() {
        let zero = "0".repeat(32);
        for bad in [
            format!("00-{zero}-00f067aa0ba902b7-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            String::from("00-1-2-3"),
        ] {
            assert_eq!(read("traceparent", &bad), None, "{bad}");
            let both = HeaderMap::from_iter([
                ("traceparent".parse().unwrap(), bad.parse().unwrap()),
                ("x-cloud-trace-context".parse().unwrap(), TRACE.parse().unwrap()),
            ]);
            assert_eq!(TraceContext::from_headers(&both), Some(context(None)));
        }
    }

    proptest! {
        #[test]
        fn no_header_panics(value in "[ -~]{0,80}") {
            let _ = read("traceparent", &value);
            let _ = read("x-cloud-trace-context", &value);
        }
    }
}
