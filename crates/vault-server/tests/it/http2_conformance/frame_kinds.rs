//! The form of each kind of frame (section 6).

use super::{
    BODY, Case, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, Outcome, PROTOCOL_ERROR, STREAM_CLOSED, Step,
    WINDOW_MAX, case, continuation, data, frame, frames, get, get_block, head, ping, post,
    post_block, priority, reset, send, sends, settings, window,
};
use Outcome::{Acknowledged, Answer, Connection, Data, Pong, Stream, Unspecific};
use frames::{ACK, END_HEADERS, END_STREAM, PADDED};

pub(super) fn cases() -> Vec<Case> {
    [
        bodies(),
        heads(),
        small_ones(),
        settings_frames(),
        windows(),
        continuations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn bodies() -> Vec<Case> {
    let sized = [post_block(), frames::literal("content-length", "4")].concat();
    vec![
        sends(
            "6.1",
            "DATA on stream 0",
            [data(0, END_STREAM, b"test")],
            Connection(PROTOCOL_ERROR),
        ),
        case(
            "6.1",
            "DATA on a stream that is not open",
            [
                send([window(0), head(1, END_STREAM, &post_block())]),
                Step::Acknowledged,
                send([data(1, END_STREAM, b"test")]),
            ],
            Unspecific(STREAM_CLOSED),
        ),
        sends(
            "6.1",
            "DATA with more padding than bytes",
            [
                head(1, 0, &sized),
                data(1, END_STREAM | PADDED, b"\x06test"),
            ],
            Connection(PROTOCOL_ERROR),
        ),
    ]
}

fn heads() -> Vec<Case> {
    let unfinished = || frame(frames::HEADERS, 0, 1, &get_block());
    let long = [&[200][..], &get_block()].concat();
    vec![
        sends(
            "6.2",
            "PRIORITY where CONTINUATION must be",
            [unfinished(), priority(1, 0, false)],
            Connection(PROTOCOL_ERROR),
        ),
        sends(
            "6.2",
            "HEADERS where CONTINUATION must be",
            [unfinished(), get(3)],
            Connection(PROTOCOL_ERROR),
        ),
        sends(
            "6.2",
            "HEADERS on stream 0",
            [get(0)],
            Connection(PROTOCOL_ERROR),
        ),
        sends(
            "6.2",
            "HEADERS with more padding than bytes",
            [head(1, END_STREAM | PADDED, &long)],
            Connection(PROTOCOL_ERROR),
        ),
    ]
}

fn small_ones() -> Vec<Case> {
    let of = |kind, stream, payload: &[u8]| frame(kind, 0, stream, payload);
    let other = *b"another!";
    let goaway = [0; 8];
    vec![
        sends(
            "6.3",
            "PRIORITY on stream 0",
            [priority(0, 1, false)],
            Connection(PROTOCOL_ERROR),
        ),
        // A stream error would do; the choice is the server's (section 5.4.1).
        sends(
            "6.3",
            "PRIORITY of four bytes",
            [of(frames::PRIORITY, 1, &[0; 4])],
            Unspecific(FRAME_SIZE_ERROR),
        ),
        sends(
            "6.4",
            "RST_STREAM on stream 0",
            [reset(0)],
            Connection(PROTOCOL_ERROR),
        ),
        sends(
            "6.4",
            "RST_STREAM on an idle stream",
            [reset(1)],
            Connection(PROTOCOL_ERROR),
        ),
        sends(
            "6.4",
            "RST_STREAM of three bytes",
            [post(1), of(frames::RST_STREAM, 1, &[0; 3])],
            Unspecific(FRAME_SIZE_ERROR),
        ),
        sends("6.7", "PING", [ping()], Pong),
        case(
            "6.7",
            "an answer to a ping is not answered",
            [send([frame(frames::PING, ACK, 0, &other)])],
            Pong,
        ),
        sends(
            "6.7",
            "PING on a stream",
            [of(frames::PING, 1, &other)],
            Connection(PROTOCOL_ERROR),
        ),
        sends(
            "6.7",
            "PING of six bytes",
            [of(frames::PING, 0, &[0; 6])],
            Unspecific(FRAME_SIZE_ERROR),
        ),
        sends(
            "6.8",
            "GOAWAY on a stream",
            [of(frames::GOAWAY, 1, &goaway)],
            Connection(PROTOCOL_ERROR),
        ),
    ]
}

fn settings_frames() -> Vec<Case> {
    let refused = |section, what, pairs: &[(u16, u32)]| {
        sends(section, what, [settings(pairs)], Connection(PROTOCOL_ERROR))
    };
    let of = |flags, stream, payload: &[u8]| frame(frames::SETTINGS, flags, stream, payload);
    vec![
        sends(
            "6.5",
            "acknowledgement with a payload",
            [of(ACK, 0, &[0; 6])],
            Unspecific(FRAME_SIZE_ERROR),
        ),
        sends(
            "6.5",
            "SETTINGS on a stream",
            [of(0, 1, &[0, 3, 0, 0, 0, 1])],
            Connection(PROTOCOL_ERROR),
        ),
        sends(
            "6.5",
            "SETTINGS of three bytes",
            [of(0, 0, &[0; 3])],
            Unspecific(FRAME_SIZE_ERROR),
        ),
        refused("6.5.2", "ENABLE_PUSH of 2", &[(2, 2)]),
        sends(
            "6.5.2",
            "a window that is too large",
            [window(WINDOW_MAX + 1)],
            Unspecific(FLOW_CONTROL_ERROR),
        ),
        refused("6.5.2", "frames smaller than the least", &[(5, 16_383)]),
        refused("6.5.2", "frames larger than the most", &[(5, 1 << 24)]),
        sends(
            "6.5.2",
            "an unknown setting",
            [settings(&[(0xff, 0)])],
            Pong,
        ),
        case(
            "6.5.3",
            "the last of several values holds",
            [
                send([settings(&[(4, 100), (4, 1)])]),
                Step::Acknowledged,
                send([get(1)]),
            ],
            Data(1),
        ),
        sends(
            "6.5.3",
            "SETTINGS are acknowledged",
            [settings(&[])],
            Acknowledged,
        ),
    ]
}

fn windows() -> Vec<Case> {
    let update = frames::window_update;
    vec![
        sends(
            "6.9",
            "WINDOW_UPDATE by 0",
            [update(0, 0)],
            Connection(PROTOCOL_ERROR),
        ),
        sends(
            "6.9",
            "WINDOW_UPDATE by 0 on a stream",
            [post(1), update(1, 0)],
            Connection(PROTOCOL_ERROR),
        ),
        sends(
            "6.9",
            "WINDOW_UPDATE of three bytes",
            [frame(frames::WINDOW_UPDATE, 0, 0, &[0; 3])],
            Unspecific(FRAME_SIZE_ERROR),
        ),
        case(
            "6.9.1",
            "no more is sent than the window holds",
            [send([window(1)]), Step::Acknowledged, send([get(1)])],
            Data(1),
        ),
        sends(
            "6.9.1",
            "the window of the connection grows beyond the most",
            [update(0, WINDOW_MAX), update(0, WINDOW_MAX)],
            Connection(FLOW_CONTROL_ERROR),
        ),
        sends(
            "6.9.1",
            "the window of a stream grows beyond the most",
            [post(1), update(1, WINDOW_MAX), update(1, WINDOW_MAX)],
            Stream(1, FLOW_CONTROL_ERROR),
        ),
        case(
            "6.9.2",
            "a new first window reaches streams that are open",
            [
                send([window(0)]),
                Step::Acknowledged,
                send([get(1), window(1)]),
            ],
            Data(1),
        ),
        case(
            "6.9.2",
            "a window may be negative and has to be filled first",
            [
                send([window(3)]),
                Step::Acknowledged,
                send([get(1)]),
                Step::Data(3),
                send([window(2)]),
                Step::Acknowledged,
                send([update(1, 2)]),
            ],
            Data(1),
        ),
        case(
            "6.9.2",
            "what was held back arrives whole",
            [
                send([window(3)]),
                Step::Acknowledged,
                send([get(1)]),
                Step::Data(3),
                send([update(1, 100)]),
            ],
            Data(BODY.len() - 3),
        ),
        sends(
            "6.9.2",
            "a first window that is too large",
            [window(WINDOW_MAX + 1)],
            Unspecific(FLOW_CONTROL_ERROR),
        ),
    ]
}

fn continuations() -> Vec<Case> {
    let more = || frames::literal("x-a", "b");
    let unfinished = |block: &[u8]| frame(frames::HEADERS, END_STREAM, 1, block);
    let refused =
        |what, parts: Vec<Vec<u8>>| sends("6.10", what, parts, Connection(PROTOCOL_ERROR));
    vec![
        sends(
            "6.10",
            "any number of CONTINUATIONs",
            [
                unfinished(&get_block()),
                continuation(1, 0, &more()),
                continuation(1, END_HEADERS, &more()),
            ],
            Answer(1),
        ),
        refused(
            "DATA where CONTINUATION must be",
            vec![
                frame(frames::HEADERS, 0, 1, &post_block()),
                continuation(1, 0, &more()),
                data(1, END_STREAM, b"test"),
            ],
        ),
        refused(
            "CONTINUATION on stream 0",
            vec![
                unfinished(&get_block()),
                continuation(0, END_HEADERS, &more()),
            ],
        ),
        refused(
            "CONTINUATION behind a whole head",
            vec![get(1), continuation(1, END_HEADERS, &more())],
        ),
        refused(
            "CONTINUATION behind the last one",
            vec![
                unfinished(&get_block()),
                continuation(1, END_HEADERS, &more()),
                continuation(1, END_HEADERS, &more()),
            ],
        ),
        refused(
            "CONTINUATION behind DATA",
            vec![
                post(1),
                data(1, 0, b"test"),
                continuation(1, END_HEADERS, &more()),
            ],
        ),
    ]
}
