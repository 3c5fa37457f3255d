//! The body of a response: bytes, or a stream of bytes.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use http_body_util::Full;
use hyper::body::{Frame, SizeHint};
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

use crate::http_util::content;

/// How long a stream of events may be idle before a comment is sent, so that neither the client nor a proxy closes the
/// connection.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// The body of every response.
pub struct Body(Kind);

enum Kind {
    Whole(Full<Bytes>),
    Stream(BoxStream<'static, Bytes>),
}

impl Body {
    /// A body whose bytes are sent as `stream` yields them. The stream is dropped when the client disconnects.
    pub fn streamed(stream: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        Self(Kind::Stream(stream.boxed()))
    }

    /// The bytes of the body, or `None` for a stream.
    pub(crate) fn whole(&self) -> Option<Bytes> {
        let Kind::Whole(full) = &self.0 else { return None };
        let mut full = full.clone();
        let mut context = Context::from_waker(std::task::Waker::noop());
        match hyper::body::Body::poll_frame(Pin::new(&mut full), &mut context) {
            Poll::Ready(Some(Ok(frame))) => frame.into_data().ok(),
            _ => Some(Bytes::new()),
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::from(Bytes::new())
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Kind::Whole(Full::new(bytes)))
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Kind::Whole(full) => Pin::new(full).poll_frame(cx),
            Kind::Stream(stream) => {
                stream.poll_next_unpin(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(full) => full.is_end_stream(),
            Kind::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(full) => full.size_hint(),
            Kind::Stream(_) => SizeHint::default(),
        }
    }
}

/// A server-sent event (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    name: &'static str,
    data: String,
}

impl Event {
    /// An event called `name` whose data is `value` as JSON on one line.
    ///
    /// # Errors
    /// The error of serde if `value` cannot be serialized.
    pub fn json(name: &'static str, value: &impl Serialize) -> serde_json::Result<Self> {
        Ok(Self { name, data: serde_json::to_string(value)? })
    }
}

/// A response that sends each of `events` when it is ready, and a comment after every 10 s without an event.
pub fn events(events: impl Stream<Item = Event> + Send + 'static) -> Response<Body> {
    events_with_keep_alive(events, KEEP_ALIVE)
}

fn events_with_keep_alive(
    events: impl Stream<Item = Event> + Send + 'static,
    idle: Duration,
) -> Response<Body> {
    let mut response = content(StatusCode::OK, "text/event-stream", Bytes::new());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let texts = stream::unfold(events.boxed(), move |mut events| async move {
        match tokio::time::timeout(idle, events.next()).await {
            Ok(Some(Event { name, data })) => {
                Some((Bytes::from(format!("event: {name}\ndata: {data}\n\n")), events))
            }
            Ok(None) => None,
            Err(_) => Some((Bytes::from_static(b": keep-alive\n\n"), events)),
        }
    });
    *response.body_mut() = Body::streamed(texts);
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::json;

    use super::*;

    async fn body_text(response: Response<Body>) -> String {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn bytes_have_a_known_length_and_a_stream_has_not() {
        use hyper::body::Body as _;
        let whole = Body::from(Bytes::from_static(b"12345"));
        assert_eq!((whole.size_hint().exact(), whole.whole()), (Some(5), Some(Bytes::from_static(b"12345"))));
        assert_eq!(Body::default().whole(), Some(Bytes::new()));
        assert!(Body::default().is_end_stream());
        let parts = Body::streamed(stream::iter(["12", "345"].map(Bytes::from)));
        assert_eq!((parts.size_hint().exact(), parts.whole()), (None, None));
        assert_eq!(parts.collect().await.unwrap().to_bytes(), "12345");
    }

    #[tokio::test]
    async fn events_are_sent_when_ready_with_keep_alive_comments_between() {
        let first = Event::json("plan", &json!({ "text": "two\nlines" })).unwrap();
        let (send, receive) = tokio::sync::oneshot::channel();
        let later = async move {
            receive.await.unwrap();
            Event::json("done", &1).unwrap()
        };
        let both = stream::iter([first]).chain(stream::once(later));
        let mut response = events_with_keep_alive(both, Duration::from_millis(1));
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let mut frames = Vec::new();
        for _ in 0..2 {
            frames.push(response.frame().await.unwrap().unwrap().into_data().unwrap());
        }
        send.send(()).unwrap();
        assert_eq!(frames, ["event: plan\ndata: {\"text\":\"two\\nlines\"}\n\n", ": keep-alive\n\n"]);
        let rest = body_text(response).await;
        assert!(rest.ends_with("event: done\ndata: 1\n\n"), "{rest}");
    }

    #[tokio::test]
    async fn a_stream_is_dropped_with_its_body() {
        let held = std::sync::Arc::new(());
        let inside = std::sync::Arc::clone(&held);
        let body = Body::streamed(stream::unfold(inside, async |inside| {
            std::future::pending::<()>().await;
            Some((Bytes::new(), inside))
        }));
        assert_eq!(std::sync::Arc::strong_count(&held), 2);
        drop(body);
        assert_eq!(std::sync::Arc::strong_count(&held), 1);
    }
}
