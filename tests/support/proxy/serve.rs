//! One connection: a request, its fault, and its response.

use std::io::{Error, ErrorKind, Result};

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use super::Shared;
use super::fault::{Fault, GoogleError};
use super::message::{Body, Head};
use super::upstream::{self, Answer};
use super::wording;

/// Bodies up to this size are searched and replaced in memory; larger ones are forwarded while they are received.
pub(super) const MAX_BUFFERED_BYTES: usize = 16 << 20;

/// The number of bytes that are missing in a truncated response.
const TRUNCATED_BYTES: usize = 10;

/// Handles the first request of a connection and closes it.
pub(super) async fn serve(client: TcpStream, shared: &Shared) -> Result<()> {
    let (reader, mut writer) = client.into_split();
    let mut reader = BufReader::new(reader);
    let mut head = Head::read(&mut reader).await?;
    if head.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        head.remove("expect");
    }
    let fault = shared.schedule().next(head.kind());
    let cut_after = if let Some(Fault::CutUpload { after_bytes }) = fault { Some(after_bytes) } else { None };
    let mut body = Body::new(reader, &head, shared.link.clone(), cut_after);
    body.fill(MAX_BUFFERED_BYTES).await;
    prepare(&mut head, &mut body, shared);

    let mut request = head.to_bytes();
    let head_length = request.len();
    let is_refused = {
        let schedule = shared.schedule();
        if let Some(whole) = body.whole() {
            request.extend_from_slice(whole);
            schedule.replace(&mut request);
            *whole = request[head_length..].to_vec();
        } else {
            schedule.replace(&mut request);
        }
        schedule.refuses(&request)
    };
    request.truncate(head_length);
    let canned = if is_refused {
        let error =
            GoogleError::new(400, "Invalid value (by schedule)", "invalid").status("INVALID_ARGUMENT");
        Some(error.response("400 Bad Request", ""))
    } else {
        fault.and_then(|fault| fault.response(head.is_storage()))
    };
    if let Some(canned) = canned {
        body.drain().await?;
        return send(&mut writer, Answer::from(canned), shared).await;
    }
    if fault == Some(Fault::CutBefore) {
        return body.drain().await;
    }
    if fault == Some(Fault::Silent) {
        body.drain().await?;
        return body.closed().await;
    }
    let mut answer = forward(&head, &request, &mut body, shared).await?;
    match fault {
        Some(Fault::CutAfter) => return answer.finish().await,
        Some(Fault::TooLate) => tokio::time::sleep(shared.late).await,
        Some(Fault::Truncated) => answer.truncate(TRUNCATED_BYTES),
        Some(fault @ Fault::CutUpload { .. }) => shared.schedule().put_back(fault),
        _ => {}
    }
    shared.schedule().replace(&mut answer.start);
    let has_gcs_messages = shared.schedule().has_gcs_messages;
    if has_gcs_messages && let Some(reworded) = wording::reworded(&answer.start, &head, shared).await? {
        answer = reworded.into();
    }
    send(&mut writer, answer, shared).await
}

/// Sets the headers that differ between the client's connection and the server's.
fn prepare(head: &mut Head, body: &mut Body, shared: &Shared) {
    // Clients leave the port out, or name Google's host. The emulator copies the host into the URL of an upload.
    head.set("Host", &shared.address);
    head.set("Connection", "close");
    let is_chunked = head.header("transfer-encoding").is_some();
    if let Some(whole) = body.whole().filter(|_| is_chunked) {
        head.set("Content-Length", whole.len().to_string());
        head.remove("Transfer-Encoding");
    }
}

/// Forwards a request whose head is `request` after replacements.
async fn forward(head: &Head, request: &[u8], body: &mut Body, shared: &Shared) -> Result<Answer> {
    if matches!(&*head.method, "PUT" | "DELETE")
        && let Some(id) = head.session()
    {
        return shared.sessions.respond(id, head, body, &shared.upstream).await.map(Answer::from);
    }
    // An incomplete request is not forwarded.
    if body.has_failed() {
        body.drain().await?;
    }
    if !head.starts_session() {
        let is_chunked = head.header("transfer-encoding").is_some();
        return upstream::forward(&shared.upstream, request, body, is_chunked).await;
    }
    let metadata = body.whole().ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?.clone();
    let answer = upstream::forward(&shared.upstream, request, body, false).await?;
    shared.sessions.start(head, metadata, &answer.start)?;
    Ok(answer)
}

async fn send(writer: &mut OwnedWriteHalf, mut answer: Answer, shared: &Shared) -> Result<()> {
    while let Some(bytes) = answer.next().await? {
        for piece in bytes.chunks(shared.link.piece_bytes() as usize) {
            shared.link.pass_downwards(piece.len()).await;
            writer.write_all(piece).await?;
        }
    }
    writer.shutdown().await
}
