use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

use super::*;

/// A server whose handler panics, is slow, or responds with the id of the request.
struct Served {
    port: u16,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
}

async fn answer(request: Request<Incoming>) -> Response<Body> {
    match request.uri().path() {
        "/panic" => panic!("as asked"),
        "/long" => return json(StatusCode::OK, &"words ".repeat(1000)),
        "/slow" => tokio::time::sleep(Duration::from_millis(700)).await,
        _ => {}
    }
    let id = request.extensions().get::<RequestId>().cloned();
    json(StatusCode::OK, &serde_json::json!({ "id": id.map(|id| id.0) }))
}

async fn serve(unready: Option<Problem>) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, shutdown) = (listener.local_addr().unwrap().port(), CancellationToken::new());
    let (stop, drain, work) = (shutdown.clone(), Drain::SERVICE, TaskTracker::new());
    let unready = move || unready.clone();
    let (max_connections, is_trigger) = (3, false);
    let server = Server {
        listener,
        shutdown: stop,
        work,
        drain,
        max_connections,
        is_trigger,
        unready,
        handler: answer,
    };
    Served { port, shutdown, server: tokio::spawn(server.serve()) }
}

/// A connection that is kept open.
struct Client(TcpStream);

impl Client {
    async fn connect(served: &Served) -> Self {
        Self(TcpStream::connect(("127.0.0.1", served.port)).await.unwrap())
    }

    /// The status, the headers in lower case, and the body of the response.
    async fn get(&mut self, path: &str, headers: &str) -> (u16, String, String) {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        self.0.write_all(request.as_bytes()).await.unwrap();
        let (mut bytes, mut byte) = (Vec::new(), [0]);
        while !bytes.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut byte).await.unwrap();
            bytes.push(byte[0]);
        }
        let head = String::from_utf8(bytes).unwrap().to_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        let mut body = vec![0; length.unwrap().parse().unwrap()];
        self.0.read_exact(&mut body).await.unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), head, String::from_utf8(body).unwrap())
    }
}

#[tokio::test]
async fn a_request_keeps_its_id_or_gets_a_new_one() {
    let served = serve(None).await;
    let mut client = Client::connect(&served).await;
    let (_, head, body) = client.get("/", "x-request-id: mine/1\r\n").await;
    assert!(head.contains("x-request-id: mine/1\r\n") && body.contains("\"mine/1\""), "{head}{body}");
    for invalid in [String::new(), "a b".into(), "x".repeat(129), "é".into()] {
        let (_, head, body) = client.get("/", &format!("x-request-id: {invalid}\r\n")).await;
        let made = head.split("x-request-id: ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
        assert!(Uuid::parse_str(made).is_ok() && body.contains(made), "{head}{body}");
    }
}

#[tokio::test]
async fn a_panic_fails_only_its_request() {
    let served = serve(None).await;
    let mut client = Client::connect(&served).await;
    let (status, head, body) = client.get("/panic", "").await;
    assert_eq!(status, 500, "{body}");
    assert!(head.contains("application/problem+json") && !body.contains("as asked"), "{head}{body}");
    assert_eq!(client.get("/", "").await.0, 200, "on the same connection");
}

#[tokio::test]
async fn an_unready_service_is_still_healthy() {
    let missing = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "there is no index yet");
    let served = serve(Some(missing)).await;
    let mut client = Client::connect(&served).await;
    let (status, _, body) = client.get("/ready", "").await;
    assert_eq!((status, body.contains("there is no index yet")), (503, true), "{body}");
    assert_eq!(client.get("/health", "").await.0, 200);
}

#[tokio::test]
async fn a_service_serves_requests_during_shutdown_and_closes_connections() {
    let served = serve(None).await;
    let mut kept = Client::connect(&served).await;
    assert!(!kept.get("/", "").await.1.contains("connection: close"));
    let mut waiting = Client::connect(&served).await;
    let slow = tokio::spawn(async move { waiting.get("/slow", "").await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    served.shutdown.cancel();
    for (client, path, expected) in
        [(&mut kept, "/", 200), (&mut Client::connect(&served).await, "/ready", 503)]
    {
        let (status, head, _) = client.get(path, "").await;
        assert_eq!(status, expected);
        assert!(head.contains("connection: close"), "{head}");
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(Client::connect(&served).await.get("/", "").await.0, 200, "a request after shutdown began");
    assert_eq!(slow.await.unwrap().0, 200, "the request in progress");
    tokio::time::timeout(Duration::from_secs(3), served.server).await.unwrap().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", served.port)).await.is_err());
}

#[tokio::test]
async fn connections_are_limited_and_a_waiting_one_gets_the_next_free_slot() {
    let served = serve(None).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(&served).await;
        assert_eq!(client.get("/", "").await.0, 200);
        held.push(client);
    }
    let mut fourth = Client::connect(&served).await;
    let waiting = tokio::time::timeout(Duration::from_millis(300), fourth.get("/", "")).await;
    assert!(waiting.is_err(), "a fourth connection was served");
    drop(held.pop());
    // The request that was sent above now gets its response, on the same connection.
    let mut byte = [0];
    fourth.0.read_exact(&mut byte).await.unwrap();
    assert_eq!(byte, *b"H");
}

#[tokio::test]
async fn a_response_is_compressed_if_gzip_is_accepted() {
    let served = serve(None).await;
    let mut client = Client::connect(&served).await;
    let (_, plain, body) = client.get("/long", "").await;
    assert!(plain.contains("vary: accept-encoding") && !plain.contains("content-encoding"), "{plain}");
    let request = "GET /long HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n";
    let mut other = Client::connect(&served).await;
    other.0.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    other.0.read_to_end(&mut bytes).await.unwrap();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    assert!(
        head.contains("content-encoding: gzip")
            && head.contains(&format!("content-length: {}", bytes.len() - end)),
        "{head}"
    );
    let mut unpacked = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&bytes[end..]), &mut unpacked).unwrap();
    assert_eq!(unpacked, body);
    // The headers of the same response.
    let mut third = Client::connect(&served).await;
    third.0.write_all(request.replace("GET", "HEAD").as_bytes()).await.unwrap();
    let mut only_head = Vec::new();
    third.0.read_to_end(&mut only_head).await.unwrap();
    let length = |head: &str| head.lines().find(|line| line.starts_with("content-length")).map(str::to_owned);
    let only_head = String::from_utf8(only_head).unwrap().to_lowercase();
    assert_eq!(length(&only_head), length(&head));
    assert!(only_head.ends_with("\r\n\r\n"), "{only_head}");
}

#[tokio::test]
async fn a_problem_contains_the_id_of_its_request() {
    let served = serve(Some(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "there is no index yet"))).await;
    let (_, head, body) = Client::connect(&served).await.get("/ready", "x-request-id: mine\r\n").await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&body["request_id"], &body["detail"]),
        (&"mine".into(), &"there is no index yet".into()),
        "{head}"
    );
}
