//! HTTP/2 as RFC 9113 and RFC 7541 have it, case by case: frames written by hand go in over a
//! real socket, and what comes back is held against the section named in the row.
//!
//! The rows cover every case of h2spec, in our own words. A row says one outcome exactly, although
//! the sections often leave a choice; where the server takes one that a section does not offer,
//! the row says so.

mod accepted;
mod compression;
mod frame_kinds;
mod messages;
mod streams;

use std::fmt;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use vault_server::layers::read_body;

use super::frames::{self, frame};
use super::support::{KEY_A, PATIENCE, TestServer};

// Error codes (section 7).
const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE_ERROR: u32 = 6;
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
const COMPRESSION_ERROR: u32 = 9;

/// Payload of a ping and of what answers it.
const PING_A: [u8; 8] = *b"conform!";
/// Bytes of an answer's body; longer than every window in the rows.
const BODY: &[u8] = b"conforming";
/// Bytes of a frame unless more was agreed (section 4.2).
const FRAME_BYTES_MAX: usize = 16_384;
/// Longest window (section 6.9.1).
const WINDOW_MAX: u32 = 0x7fff_ffff;

/// What one row does and what must come of it.
struct Case {
    /// Section of RFC 9113, or of RFC 7541 where the row is about compression.
    section: &'static str,
    what: &'static str,
    steps: Vec<Step>,
    outcome: Outcome,
}

enum Step {
    Send(Vec<u8>),
    /// Wait for the end of the answer on a stream.
    Ended(u32),
    /// Wait until settings were acknowledged.
    Acknowledged,
    /// Wait for a frame of a body, of exactly so many bytes.
    Data(usize),
}

#[derive(Debug)]
enum Outcome {
    /// 200 on this stream.
    Answer(u32),
    /// A frame of a body of exactly so many bytes.
    Data(usize),
    /// The ping is answered: what went before it was taken or ignored, and the connection lives.
    Pong,
    /// Settings are acknowledged.
    Acknowledged,
    /// GOAWAY with this code, and the connection ends. Where a section asks for a stream error,
    /// the server may choose this as well (section 5.4.1).
    Connection(u32),
    /// The section asks for this code, and the library says `PROTOCOL_ERROR`. The connection ends
    /// with a GOAWAY all the same.
    Unspecific(u32),
    /// RST_STREAM with this code for this stream; the connection lives.
    Stream(u32, u32),
    /// 400 on this stream; the connection lives.
    Refused(u32),
}

fn case(
    section: &'static str,
    what: &'static str,
    steps: impl IntoIterator<Item = Step>,
    outcome: Outcome,
) -> Case {
    Case {
        section,
        what,
        steps: steps.into_iter().collect(),
        outcome,
    }
}

fn send(parts: impl IntoIterator<Item = Vec<u8>>) -> Step {
    Step::Send(parts.into_iter().collect::<Vec<_>>().concat())
}

/// A row that only sends.
fn sends(
    section: &'static str,
    what: &'static str,
    parts: impl IntoIterator<Item = Vec<u8>>,
    outcome: Outcome,
) -> Case {
    case(section, what, [send(parts)], outcome)
}

/// Method, scheme, path and authority, from the static table where it has them
/// (RFC 7541 appendix A).
fn pseudo(method: u8) -> Vec<u8> {
    [
        &[method, 0x86, 0x04][..],
        &frames::string("/c"),
        &[0x01, 1, b'a'],
    ]
    .concat()
}

fn api_key() -> Vec<u8> {
    frames::literal("x-api-key", KEY_A)
}

/// A whole GET.
fn get_block() -> Vec<u8> {
    [pseudo(0x82), api_key()].concat()
}

/// A whole POST.
fn post_block() -> Vec<u8> {
    [pseudo(0x83), api_key()].concat()
}

/// A head in one frame.
fn head(stream: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    frame(frames::HEADERS, flags | frames::END_HEADERS, stream, block)
}

/// A request without a body.
fn get(stream: u32) -> Vec<u8> {
    head(stream, frames::END_STREAM, &get_block())
}

/// A request with a body to come.
fn post(stream: u32) -> Vec<u8> {
    head(stream, 0, &post_block())
}

fn data(stream: u32, flags: u8, bytes: &[u8]) -> Vec<u8> {
    frame(frames::DATA, flags, stream, bytes)
}

fn continuation(stream: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    frame(frames::CONTINUATION, flags, stream, block)
}

fn reset(stream: u32) -> Vec<u8> {
    frame(frames::RST_STREAM, 0, stream, &CANCEL.to_be_bytes())
}

/// Weight 256 under `parent`, with the exclusive flag or without.
fn priority(stream: u32, parent: u32, exclusive: bool) -> Vec<u8> {
    let parent = parent | if exclusive { 1 << 31 } else { 0 };
    let payload = [&parent.to_be_bytes()[..], &[255]].concat();
    frame(frames::PRIORITY, 0, stream, &payload)
}

fn settings(pairs: &[(u16, u32)]) -> Vec<u8> {
    let pair = |(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    let payload = pairs.iter().flat_map(pair).collect::<Vec<_>>();
    frame(frames::SETTINGS, 0, 0, &payload)
}

/// The length of every stream's first window.
fn window(length: u32) -> Vec<u8> {
    settings(&[(4, length)])
}

fn ping() -> Vec<u8> {
    frame(frames::PING, 0, 0, &PING_A)
}

/// A frame as it came.
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            flags,
            stream,
            payload,
        } = self;
        let start = &payload[..payload.len().min(24)];
        write!(f, "({kind} {flags:#x} on {stream}: {start:?})")
    }
}

impl Frame {
    fn is_ack(&self, kind: u8) -> bool {
        self.kind == kind && self.flags & frames::ACK != 0
    }

    fn ends(&self, stream: u32) -> bool {
        let carries = matches!(self.kind, frames::DATA | frames::HEADERS);
        carries && self.stream == stream && self.flags & frames::END_STREAM != 0
    }

    /// A number of four bytes from `at` on.
    fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }

    /// An answer's head whose status is the entry of the static table with this index.
    fn has_status(&self, stream: u32, index: u8) -> bool {
        self.kind == frames::HEADERS
            && self.stream == stream
            && self.payload.first() == Some(&(0x80 | index))
    }
}

/// A connection by hand, with everything that came so far.
struct Peer {
    stream: TcpStream,
    seen: Vec<Frame>,
    /// How many frames the steps are done with.
    passed: usize,
}

impl Peer {
    /// Connects and exchanges settings.
    async fn open(address: SocketAddr) -> Self {
        let mut peer = Self {
            stream: TcpStream::connect(address).await.unwrap(),
            seen: Vec::new(),
            passed: 0,
        };
        peer.send(&frames::opening()).await;
        peer.until(|frame| frame.is_ack(frames::SETTINGS)).await;
        peer.send(&frame(frames::SETTINGS, frames::ACK, 0, b""))
            .await;
        peer
    }

    /// The server may have hung up already; what it said is read all the same.
    async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    async fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes).await.ok()?;
        Some(bytes)
    }

    /// The next frame; `None` at the end of the connection.
    async fn next(&mut self) -> Option<&Frame> {
        let [a, b, c, kind, flags, s, t, u, v] = self.bytes::<9>().await?;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        self.seen.push(Frame {
            kind,
            flags,
            stream: u32::from_be_bytes([s, t, u, v]),
            payload,
        });
        self.seen.last()
    }

    /// Reads until a frame is `wanted`; false if the connection ends before.
    async fn until(&mut self, wanted: impl Fn(&Frame) -> bool) -> bool {
        loop {
            while let Some(frame) = self.seen.get(self.passed) {
                self.passed += 1;
                if wanted(frame) {
                    return true;
                }
            }
            if self.next().await.is_none() {
                return false;
            }
        }
    }

    async fn step(&mut self, step: &Step) -> bool {
        match step {
            Step::Send(bytes) => {
                self.send(bytes).await;
                true
            }
            Step::Ended(stream) => self.until(|frame| frame.ends(*stream)).await,
            Step::Acknowledged => self.until(|frame| frame.is_ack(frames::SETTINGS)).await,
            Step::Data(length) => self.data(*length).await,
        }
    }

    /// The next frame of a body must have this length.
    async fn data(&mut self, length: usize) -> bool {
        let at = self.passed;
        self.until(|frame| frame.kind == frames::DATA).await
            && self.seen[at..self.passed].last().unwrap().payload.len() == length
    }

    /// Asks for a sign of life behind everything that was sent.
    async fn lives(&mut self) -> bool {
        self.send(&ping()).await;
        self.until(|frame| frame.is_ack(frames::PING) && frame.payload == PING_A)
            .await
    }

    async fn came(&mut self, outcome: &Outcome) -> bool {
        let is_over = |frame: &Frame| frame.kind == frames::GOAWAY;
        match *outcome {
            // Indices 8 and 12 of the static table (RFC 7541 appendix A).
            Outcome::Answer(stream) => self.until(|frame| frame.has_status(stream, 8)).await,
            Outcome::Refused(stream) => {
                self.until(|frame| frame.has_status(stream, 12)).await && self.lives().await
            }
            Outcome::Data(length) => self.data(length).await,
            Outcome::Pong => self.lives().await && !self.seen.iter().any(is_over),
            Outcome::Acknowledged => self.until(|frame| frame.is_ack(frames::SETTINGS)).await,
            Outcome::Connection(code) | Outcome::Unspecific(code) => {
                let code = match outcome {
                    Outcome::Connection(_) => code,
                    _ => PROTOCOL_ERROR,
                };
                let goes = |frame: &Frame| is_over(frame) && frame.number(4) == code;
                self.until(goes).await && !self.until(|_| false).await
            }
            Outcome::Stream(stream, code) => {
                let is_reset = |frame: &Frame| {
                    frame.kind == frames::RST_STREAM
                        && frame.stream == stream
                        && frame.number(0) == code
                };
                self.until(is_reset).await && self.lives().await
            }
        }
    }
}

/// Runs a row; what went wrong, if something did.
async fn run(address: SocketAddr, case: Case) -> Option<String> {
    let mut peer = Peer::open(address).await;
    let played = async {
        for (at, step) in case.steps.iter().enumerate() {
            if !peer.step(step).await {
                return Some(format!("step {at}"));
            }
        }
        (!peer.came(&case.outcome).await).then(|| "the end".to_owned())
    };
    let result = tokio::time::timeout(PATIENCE, played).await;
    let failed = result.unwrap_or_else(|_| Some("patience".to_owned()))?;
    let Case {
        section,
        what,
        outcome,
        ..
    } = case;
    let seen = &peer.seen;
    Some(format!(
        "{section}, {what}: wanted {outcome:?}, failed at {failed}; came {seen:?}\n"
    ))
}

/// One route that takes every method and reads the whole body before it answers.
fn routes() -> axum::Router {
    let answer =
        |body: axum::body::Body| async move { read_body(body, 64 * 1_024).await.map(|_| BODY) };
    axum::Router::new().route("/c", axum::routing::any(answer))
}

async fn start() -> TestServer {
    TestServer::start_with(|_| {}, routes()).await
}

async fn all_hold(cases: Vec<Case>) {
    let server = start().await;
    let mut running = JoinSet::new();
    for case in cases {
        running.spawn(run(server.address, case));
    }
    let failed: String = running.join_all().await.into_iter().flatten().collect();
    assert!(failed.is_empty(), "{failed}");
}

#[tokio::test]
async fn what_must_be_accepted_is_answered() {
    all_hold(accepted::cases()).await;
}

#[tokio::test]
async fn frames_and_streams_keep_to_their_states() {
    all_hold(streams::cases()).await;
}

#[tokio::test]
async fn frames_of_each_kind_are_held_to_their_form() {
    all_hold(frame_kinds::cases()).await;
}

#[tokio::test]
async fn messages_are_well_formed_or_refused() {
    all_hold(messages::cases()).await;
}

#[tokio::test]
async fn compressed_heads_are_read_or_end_the_connection() {
    all_hold(compression::cases()).await;
}

/// The first frame of the server is its settings, whatever else it says (section 3.4).
#[tokio::test]
async fn the_server_opens_with_its_settings() {
    let server = start().await;
    let peer = Peer::open(server.address).await;
    let first = &peer.seen[0];
    assert_eq!(first.kind, frames::SETTINGS);
    assert_eq!((first.flags, first.stream), (0, 0));
}

/// What is no preface is read as HTTP/1.1, refused and hung up on (section 3.4).
#[tokio::test]
async fn another_preface_ends_the_connection() {
    let server = start().await;
    let answer = server.raw(b"INVALID CONNECTION PREFACE\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let almost = server.raw(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n").await;
    assert!(
        almost.starts_with("HTTP/1.1 400 ") || almost.is_empty(),
        "{almost}"
    );
}

/// One stream more than the server allows is refused, and the others live (section 5.1.2).
#[tokio::test]
async fn one_stream_too_many_is_refused() {
    let few = |config: &mut vault_server::Config| config.limits.http2_streams_max = 3;
    let server = TestServer::start_with(few, routes()).await;
    let mut peer = Peer::open(server.address).await;
    let advertised = peer.seen[0]
        .payload
        .chunks(6)
        .find(|pair| pair[..2] == [0, 3]);
    assert_eq!(advertised, Some(&[0, 3, 0, 0, 0, 3][..]));
    for stream in [1, 3, 5, 7] {
        peer.send(&post(stream)).await;
    }
    let outcome = Outcome::Stream(7, REFUSED_STREAM);
    let came = tokio::time::timeout(PATIENCE, peer.came(&outcome)).await;
    assert!(came.unwrap(), "{:?}", peer.seen);
}
