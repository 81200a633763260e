//! Frames in general, and what a stream takes in which state (sections 4 and 5).

use super::{
    CANCEL, Case, FRAME_BYTES_MAX, FRAME_SIZE_ERROR, Outcome, PROTOCOL_ERROR, STREAM_CLOSED, Step,
    case, continuation, data, frame, frames, get, get_block, head, ping, post, priority, reset,
    send, sends, window,
};
use Outcome::{Answer, Connection, Pong, Stream, Unspecific};
use frames::{END_HEADERS, END_STREAM};

pub(super) fn cases() -> Vec<Case> {
    [
        format(),
        blocks(),
        idle(),
        half_closed(),
        closed(),
        numbers(),
        unknown(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn format() -> Vec<Case> {
    let long_head = [
        get_block(),
        frames::literal("x-a", &"x".repeat(FRAME_BYTES_MAX)),
    ]
    .concat();
    vec![
        sends("4.1", "unknown kind", [frame(0x16, 0, 0, &[0; 8])], Pong),
        sends(
            "4.1",
            "undefined flags",
            [frame(frames::PING, 0x16, 0, &super::PING_A)],
            Pong,
        ),
        sends(
            "4.1",
            "reserved bit",
            [frame(frames::PING, 0, 1 << 31, &super::PING_A)],
            Pong,
        ),
        sends(
            "4.2",
            "DATA of the largest size",
            [post(1), data(1, END_STREAM, &[b'x'; FRAME_BYTES_MAX])],
            Answer(1),
        ),
        // A stream error would do; the choice is the server's (section 5.4.1).
        sends(
            "4.2",
            "DATA larger than that",
            [post(1), data(1, END_STREAM, &[b'x'; FRAME_BYTES_MAX + 1])],
            Connection(FRAME_SIZE_ERROR),
        ),
        sends(
            "4.2",
            "HEADERS larger than that",
            [head(1, END_STREAM, &long_head)],
            Connection(FRAME_SIZE_ERROR),
        ),
    ]
}

/// A head is one run of frames (section 4.3).
fn blocks() -> Vec<Case> {
    let unfinished = || frame(frames::HEADERS, 0, 1, &get_block());
    let rest = || continuation(1, END_HEADERS, &frames::literal("x-a", "b"));
    let between = |what, other| {
        let parts = [unfinished(), other, rest()];
        sends("4.3", what, parts, Connection(PROTOCOL_ERROR))
    };
    vec![
        between("PRIORITY within a head", priority(1, 0, false)),
        between("HEADERS of another stream within a head", get(3)),
    ]
}

fn idle() -> Vec<Case> {
    let on_idle = |what, frame| sends("5.1", what, [frame], Connection(PROTOCOL_ERROR));
    vec![
        on_idle("DATA on an idle stream", data(1, END_STREAM, b"test")),
        on_idle("RST_STREAM on an idle stream", reset(1)),
        on_idle(
            "WINDOW_UPDATE on an idle stream",
            frames::window_update(1, 100),
        ),
        on_idle(
            "CONTINUATION on an idle stream",
            continuation(1, END_HEADERS, &get_block()),
        ),
    ]
}

/// The client has ended its side; the answer waits for a window.
fn half_closed() -> Vec<Case> {
    let then = |what, frame, outcome| {
        let steps = [send([window(0), get(1)]), Step::Acknowledged, send([frame])];
        case("5.1", what, steps, outcome)
    };
    vec![
        then(
            "DATA on a half-closed stream",
            data(1, END_STREAM, b"test"),
            Unspecific(STREAM_CLOSED),
        ),
        then(
            "HEADERS on a half-closed stream",
            get(1),
            Unspecific(STREAM_CLOSED),
        ),
        then(
            "CONTINUATION on a half-closed stream",
            continuation(1, END_HEADERS, &frames::literal("x-a", "b")),
            Connection(PROTOCOL_ERROR),
        ),
    ]
}

fn closed() -> Vec<Case> {
    let rest = || continuation(1, END_HEADERS, &frames::literal("x-a", "b"));
    let after_reset =
        |what, frame, outcome| sends("5.1", what, [post(1), reset(1), frame], outcome);
    let after_end = |what, frame, outcome| {
        case(
            "5.1",
            what,
            [send([get(1)]), Step::Ended(1), send([frame])],
            outcome,
        )
    };
    vec![
        after_reset(
            "DATA after RST_STREAM",
            data(1, END_STREAM, b"test"),
            Stream(1, STREAM_CLOSED),
        ),
        after_reset(
            "HEADERS after RST_STREAM",
            get(1),
            Unspecific(STREAM_CLOSED),
        ),
        after_reset(
            "CONTINUATION after RST_STREAM",
            rest(),
            Connection(PROTOCOL_ERROR),
        ),
        // The section asks for a connection error; the library resets the stream alone.
        after_end(
            "DATA after the end",
            data(1, END_STREAM, b"test"),
            Stream(1, STREAM_CLOSED),
        ),
        after_end("HEADERS after the end", get(1), Unspecific(STREAM_CLOSED)),
        after_end(
            "CONTINUATION after the end",
            rest(),
            Connection(PROTOCOL_ERROR),
        ),
    ]
}

fn numbers() -> Vec<Case> {
    let depending = |flags, stream: u32| {
        let own = [&stream.to_be_bytes()[..], &[255], &get_block()].concat();
        head(stream, flags | frames::WITH_PRIORITY, &own)
    };
    vec![
        sends(
            "5.1.1",
            "an even number",
            [get(2)],
            Connection(PROTOCOL_ERROR),
        ),
        sends(
            "5.1.1",
            "a smaller number than before",
            [get(5), get(3)],
            Connection(PROTOCOL_ERROR),
        ),
        sends(
            "5.3.1",
            "HEADERS that depend on themselves",
            [depending(END_STREAM, 1)],
            Stream(1, PROTOCOL_ERROR),
        ),
        sends(
            "5.3.1",
            "PRIORITY that depends on itself",
            [priority(1, 1, false)],
            Stream(1, PROTOCOL_ERROR),
        ),
        sends(
            "5.4.1",
            "a connection error is told and ends the connection",
            [frame(frames::PING, 0, 3, &super::PING_A)],
            Connection(PROTOCOL_ERROR),
        ),
        sends(
            "5.4.1",
            "nothing is served behind a connection error",
            [frame(frames::PING, 0, 3, &super::PING_A), get(1), ping()],
            Connection(PROTOCOL_ERROR),
        ),
    ]
}

/// Extensions nobody agreed on (section 5.5) and codes nobody knows (section 7).
fn unknown() -> Vec<Case> {
    let goaway = [&0_u32.to_be_bytes()[..], &0xff_u32.to_be_bytes()].concat();
    let strange = frame(frames::RST_STREAM, 0, 1, &0xff_u32.to_be_bytes());
    vec![
        sends(
            "5.5",
            "an unknown extension",
            [frame(0xff, 0, 0, b"unknown!")],
            Pong,
        ),
        sends(
            "5.5",
            "an unknown extension within a head",
            [
                frame(frames::HEADERS, END_STREAM, 1, &get_block()),
                frame(0xff, 0, 0, b"unknown!"),
            ],
            Connection(PROTOCOL_ERROR),
        ),
        sends(
            "7",
            "GOAWAY with an unknown code",
            [frame(frames::GOAWAY, 0, 0, &goaway)],
            Pong,
        ),
        sends(
            "7",
            "RST_STREAM with an unknown code",
            [post(1), strange],
            Pong,
        ),
        sends(
            "7",
            "RST_STREAM with CANCEL",
            [
                post(1),
                frame(frames::RST_STREAM, 0, 1, &CANCEL.to_be_bytes()),
            ],
            Pong,
        ),
    ]
}
