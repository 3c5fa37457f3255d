use std::io::Read;

use flate2::read::GzDecoder;

use super::super::http_util::content;
use http_body_util::BodyExt;

use super::*;

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pair = |&(name, value): &(&str, &str)| {
        (name.parse::<header::HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

fn takes_gzip(accept: &str) -> bool {
    Accepted::of(&headers(&[("accept-encoding", accept)])).gzip
}

async fn response_for(request: &[(&str, &str)], bytes: usize) -> (HeaderMap, Bytes) {
    let mut response = content(StatusCode::OK, "application/json", vec![b'7'; bytes]);
    response.headers_mut().insert(header::ETAG, HeaderValue::from_static("\"v1-0\""));
    let (head, body) = compress(response, &Accepted::of(&headers(request))).await.into_parts();
    (head.headers, body.collect().await.unwrap().to_bytes())
}

#[test]
fn gzip_is_used_according_to_the_weights_of_the_client() {
    for accept in [
        "gzip",
        "GZIP;q=0.001",
        "br, gzip;q=0.8, *;q=0.1",
        "*",
        "x-gzip",
        "gzip;q=1, identity",
        "gzip ; Q = 0.5",
    ] {
        assert!(takes_gzip(accept), "{accept}");
    }
    for accept in [
        "",
        "br",
        "gzip;q=0",
        "gzip;q=0.000, *",
        "*;q=0",
        "identity",
        "gzip;q=0.5, identity",
        "gzip;q=0.5, identity;q=0.8",
        "gzip;q=high",
        "gzip;q=2",
        "gzip;level=9",
    ] {
        assert!(!takes_gzip(accept), "{accept}");
    }
    assert!(!Accepted::of(&HeaderMap::new()).gzip);
}

#[tokio::test]
async fn a_long_response_is_compressed_and_has_a_different_etag() {
    let (head, body) = response_for(&[("accept-encoding", "gzip, deflate, br")], 100_000).await;
    assert_eq!(
        (&head["content-encoding"], &head["etag"]),
        (&"gzip".parse().unwrap(), &"\"v1-0-gzip\"".parse().unwrap())
    );
    assert_eq!(head["vary"], "accept-encoding");
    assert!(body.len() < 1000);
    let mut plain = Vec::new();
    GzDecoder::new(&*body).read_to_end(&mut plain).unwrap();
    assert_eq!(plain, vec![b'7'; 100_000]);
}

#[tokio::test]
async fn a_short_response_or_one_for_a_client_without_gzip_is_not_compressed() {
    for (request, bytes) in [(&[("accept-encoding", "gzip")][..], 1000), (&[], 100_000)] {
        let (head, body) = response_for(request, bytes).await;
        assert_eq!((body.len(), head.get("content-encoding")), (bytes, None));
        assert_eq!(
            (&head["vary"], &head["etag"]),
            (&"accept-encoding".parse().unwrap(), &"\"v1-0\"".parse().unwrap())
        );
    }
    // A client that does not accept `identity` gets a short response compressed, too.
    let (head, _) = response_for(&[("accept-encoding", "gzip, identity;q=0")], 10).await;
    assert_eq!(head["content-encoding"], "gzip");
}

#[tokio::test]
async fn a_not_modified_response_repeats_the_etag_of_the_client() {
    for (cached, expected) in
        [("\"v1-0-gzip\"", "\"v1-0-gzip\""), ("\"v1-0\"", "\"v1-0\""), ("*", "\"v1-0\"")]
    {
        let mut response = Response::new(Body::default());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().insert(header::ETAG, HeaderValue::from_static("\"v1-0\""));
        let request = headers(&[("accept-encoding", "gzip"), ("if-none-match", cached)]);
        let response = compress(response, &Accepted::of(&request)).await;
        assert_eq!(
            (&response.headers()["etag"], &response.headers()["vary"]),
            (&expected.parse().unwrap(), &"accept-encoding".parse().unwrap())
        );
        assert!(cached == "*" || is_tag_of(cached, &"\"v1-0\"".parse().unwrap(), &request));
    }
    assert!(!is_tag_of("\"v1-0-gzip\"", &"\"v1-0\"".parse().unwrap(), &HeaderMap::new()));
    assert!(!is_tag_of(
        "\"v1-1-gzip\"",
        &"\"v1-0\"".parse().unwrap(),
        &headers(&[("accept-encoding", "gzip")])
    ));
}
