//! Access tokens: where they come from, and when they are renewed.

use std::process::Command;
use std::time::Duration;

use common_core::ErrorKind;
use common_google::{Allowance, Client, Credentials, Limits, Session, bigquery};
use serde_json::json;

use super::server::{Server, Step};
use super::{LIMITS, error_of, get};

fn client_of(metadata: &Server, limits: Limits) -> Client {
    Client::new(Session::new(&metadata.url, Credentials::metadata_server(&metadata.url), limits)).unwrap()
}

/// A metadata server whose tokens are `token-1`, `token-2`, and so on.
async fn metadata_server() -> Server {
    Server::start(|number| {
        let token = format!("token-{}", number + 1);
        Step::ok(json!({"access_token": token, "expires_in": 3600, "token_type": "Bearer"}).to_string())
            .with("content-type", "application/json")
            .with("metadata-flavor", "Google")
    })
    .await
}

fn bearers(server: &Server) -> Vec<String> {
    server.seen().iter().map(|seen| seen.header("authorization").unwrap_or("none").to_owned()).collect()
}

#[tokio::test]
async fn tokens_are_shared_and_renewed_once_after_a_rejection() {
    let metadata = metadata_server().await;
    let server = Server::start(|number| match number {
        0..=7 | 9 => Step::ok("{}"),
        _ => Step::error(401, "authError", "Invalid Credentials"),
    })
    .await;
    let client = client_of(&metadata, LIMITS);
    let together: Vec<_> = (0..8)
        .map(|_| {
            let (client, call) = (client.clone(), get(&server));
            tokio::spawn(async move { client.send(&call).await })
        })
        .collect();
    for sent in together {
        sent.await.unwrap().unwrap();
    }
    assert_eq!(bearers(&server), vec!["Bearer token-1"; 8]);
    let asked = metadata.seen();
    assert_eq!((asked.len(), asked[0].header("metadata-flavor")), (1, Some("Google")));
    let path = "/computeMetadata/v1/instance/service-accounts/default/token?scopes=";
    assert!(asked[0].address.starts_with(path), "{}", asked[0].address);

    client.send(&get(&server)).await.unwrap();
    assert_eq!(bearers(&server)[8..], ["Bearer token-1", "Bearer token-2"]);

    let failure = client.send(&get(&server)).await.unwrap_err();
    assert_eq!((failure.kind(), failure.status, failure.attempts), (ErrorKind::Forbidden, Some(401), 2));
    assert_eq!(bearers(&server)[10..], ["Bearer token-2", "Bearer token-3"]);
}

#[tokio::test]
async fn failures_of_the_metadata_server_are_retried_or_reported() {
    let metadata = Server::start(|number| match number {
        0 => Step::status(503, "not yet"),
        1 => Step::Cut,
        2 => Step::Late(Duration::from_mins(1)),
        _ => Step::ok(r#"{"access_token":"t","expires_in":3600,"token_type":"Bearer"}"#),
    })
    .await;
    let server = Server::start(|_| Step::ok("{}")).await;
    let limits = Limits { attempt: Duration::from_secs(1), ..LIMITS };
    let client = client_of(&metadata, limits);
    client.send(&get(&server)).await.unwrap();
    assert!(metadata.arrivals().len() >= 4);
    assert_eq!(bearers(&server), ["Bearer t"]);

    // A metadata server without a service account answers 404, which is permanent.
    let metadata = Server::start(|_| Step::status(404, "no service account")).await;
    let client = client_of(&metadata, LIMITS);
    let failure = client.send(&get(&server)).await.unwrap_err();
    assert_eq!((failure.kind(), failure.attempts), (ErrorKind::Forbidden, 1));
}

const VARIABLE: &str = "TEST_WITHOUT_CREDENTIALS";

/// The test runs itself in child processes, because the source of credentials depends on the environment.
#[tokio::test]
async fn missing_credentials_name_the_command_to_run() {
    let server = Server::start(|_| Step::ok("{}")).await;
    if std::env::var_os(VARIABLE).is_some() {
        let client =
            Client::new(Session::new("http://127.0.0.1", Credentials::application_default(), LIMITS))
                .unwrap();
        let failure = client.send(&get(&server)).await.unwrap_err();
        assert_eq!(failure.kind(), ErrorKind::Forbidden, "{failure:?}");
        println!("\nerror: {}", error_of(failure));
        assert!(server.seen().is_empty());
        return;
    }
    // A missing file, an invalid file, and neither a file nor a metadata server.
    let nowhere = std::env::temp_dir().join("job-market-missing-home");
    let nowhere = nowhere.to_str().unwrap();
    // Read at run time: `env!` would name the checkout that compiled the tests.
    let empty = format!("{}/Cargo.toml", std::env::var("CARGO_MANIFEST_DIR").unwrap());
    for (name, value, cause) in [
        ("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/key.json", "/no/such/key.json"),
        ("GOOGLE_APPLICATION_CREDENTIALS", &*empty, "cannot parse"),
        ("GCE_METADATA_HOST", "127.0.0.1:1", "Connection refused"),
    ] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tokens::missing_credentials_name_the_command_to_run", "--nocapture"])
            .env_clear()
            .envs([("HOME", nowhere), (VARIABLE, "yes"), (name, value)])
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}{err}");
        let errors: Vec<&str> = out.lines().filter_map(|line| line.strip_prefix("error: ")).collect();
        assert_eq!(errors.len(), 1, "{out}");
        let begin = "reading table p.d.t failed";
        assert!(
            errors[0].starts_with(begin) && errors[0].contains("gcloud auth application-default login"),
            "{errors:?}"
        );
        assert!(errors[0].contains(cause), "{errors:?}");
        println!("{}", errors[0]);
    }
}

/// A response that is not BigQuery's JSON has no status.
#[tokio::test]
async fn unreadable_responses_are_retried_a_few_times() {
    let metadata = metadata_server().await;
    let front_end = r#"{"error":{"code":401,"message":"no","status":"UNAUTHENTICATED"}}"#;
    let server = Server::start(move |number| match number {
        0 | 2 => Step::status(401, front_end),
        1 | 3 => Step::ok(r#"{"datasetReference":{"projectId":"p","datasetId":"d"},"location":"US"}"#),
        _ => Step::status(403, "<html>403</html>"),
    })
    .await;
    let session = Session::new(&metadata.url, Credentials::metadata_server(&metadata.url), LIMITS);
    let api = bigquery::client(&session, &server.url).await.unwrap();
    let find = async || {
        let attempt = |_| async { Ok(api.dataset().get("p", "d").await?) };
        session.repeat("reading", Allowance::default(), attempt).await
    };
    for _ in 0..2 {
        assert_eq!(find().await.unwrap().location.as_deref(), Some("US"));
    }
    let tokens = ["Bearer token-1", "Bearer token-2", "Bearer token-2", "Bearer token-3"];
    assert_eq!(bearers(&server), tokens, "every request renews the token once");
    let failure = find().await.unwrap_err();
    assert_eq!((failure.kind(), failure.attempts), (ErrorKind::Unavailable, 6));
    assert!(failure.is_unreadable && failure.message.starts_with("the response is not BigQuery's JSON: "));
}
