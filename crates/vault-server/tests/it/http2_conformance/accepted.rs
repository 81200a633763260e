//! What a server has to take: each kind of frame, whole requests, every form of compressed header.

use super::{
    BODY, Case, Outcome, Step, case, continuation, data, frame, frames, get, get_block, head, ping,
    post, post_block, priority, reset, send, sends, settings, window,
};
use Outcome::{Acknowledged, Answer, Data, Pong};
use frames::{END_HEADERS, END_STREAM, PADDED, WITH_PRIORITY};

pub(super) fn cases() -> Vec<Case> {
    [on_streams(), kinds(), requests(), compressed()]
        .into_iter()
        .flatten()
        .collect()
}

fn on_streams() -> Vec<Case> {
    // No window holds the answer back, so the stream stays half closed.
    let held = || send([window(0), get(1)]);
    let opened = |more| {
        case(
            "5.1",
            "WINDOW_UPDATE, after PRIORITY or alone, on a half-closed stream lets the answer go on",
            [
                held(),
                Step::Acknowledged,
                send([more, frames::window_update(1, 1)]),
            ],
            Data(1),
        )
    };
    vec![
        sends(
            "5.1",
            "PRIORITY on an idle stream",
            [priority(1, 0, false)],
            Pong,
        ),
        opened(Vec::new()),
        opened(priority(1, 0, false)),
        case(
            "5.1",
            "RST_STREAM on a half-closed stream",
            [held(), Step::Acknowledged, send([reset(1)])],
            Pong,
        ),
        case(
            "5.1",
            "PRIORITY on a closed stream",
            [
                send([get(1)]),
                Step::Ended(1),
                send([priority(1, 0, false)]),
            ],
            Pong,
        ),
    ]
}

fn kinds() -> Vec<Case> {
    let padded = |payload: &[u8]| [&[6][..], payload, &[0; 6]].concat();
    let goaway = [0_u32.to_be_bytes(), 0_u32.to_be_bytes()].concat();
    let split = get_block();
    let (first, rest) = split.split_at(5);
    let (second, third) = rest.split_at(5);
    vec![
        sends(
            "6.1",
            "DATA",
            [post(1), data(1, END_STREAM, b"test")],
            Answer(1),
        ),
        sends(
            "6.1",
            "DATA twice",
            [post(1), data(1, 0, b"test"), data(1, END_STREAM, b"test")],
            Answer(1),
        ),
        sends(
            "6.1",
            "DATA with padding",
            [post(1), data(1, END_STREAM | PADDED, &padded(b"test"))],
            Answer(1),
        ),
        sends("6.2", "HEADERS", [get(1)], Answer(1)),
        sends(
            "6.2",
            "HEADERS with padding",
            [head(1, END_STREAM | PADDED, &padded(&get_block()))],
            Answer(1),
        ),
        sends(
            "6.2",
            "HEADERS with priority",
            [head(
                1,
                END_STREAM | WITH_PRIORITY,
                &[&[0, 0, 0, 0, 255][..], &get_block()].concat(),
            )],
            Answer(1),
        ),
        sends(
            "6.3",
            "PRIORITY with weight 256",
            [priority(1, 0, false), get(1)],
            Answer(1),
        ),
        sends(
            "6.3",
            "PRIORITY with weight 1",
            [frame(frames::PRIORITY, 0, 1, &[0; 5]), get(1)],
            Answer(1),
        ),
        sends(
            "6.3",
            "PRIORITY under a stream",
            [priority(3, 1, false), get(1)],
            Answer(1),
        ),
        sends(
            "6.3",
            "PRIORITY, exclusive",
            [priority(3, 1, true), get(1)],
            Answer(1),
        ),
        sends(
            "6.3",
            "PRIORITY for a later stream, then the earlier one",
            [priority(7, 0, false), get(1)],
            Answer(1),
        ),
        sends("6.4", "RST_STREAM", [post(1), reset(1)], Pong),
        sends("6.5", "SETTINGS", [settings(&[(3, 100)])], Acknowledged),
        sends("6.7", "PING", [ping()], Pong),
        sends(
            "6.8",
            "GOAWAY lets what runs end",
            [get(1), frame(frames::GOAWAY, 0, 0, &goaway)],
            Answer(1),
        ),
        sends(
            "6.9",
            "WINDOW_UPDATE of the connection",
            [frames::window_update(0, 1), get(1)],
            Answer(1),
        ),
        case(
            "6.9",
            "WINDOW_UPDATE of a stream",
            [
                send([window(0), get(1)]),
                Step::Acknowledged,
                send([frames::window_update(1, 100)]),
            ],
            Data(BODY.len()),
        ),
        sends(
            "6.10",
            "CONTINUATION",
            [
                frame(frames::HEADERS, END_STREAM, 1, first),
                continuation(1, END_HEADERS, rest),
            ],
            Answer(1),
        ),
        sends(
            "6.10",
            "CONTINUATION twice",
            [
                frame(frames::HEADERS, END_STREAM, 1, first),
                continuation(1, 0, second),
                continuation(1, END_HEADERS, third),
            ],
            Answer(1),
        ),
    ]
}

fn requests() -> Vec<Case> {
    let head_request = [
        frames::literal(":method", "HEAD"),
        get_block()[1..].to_vec(),
    ];
    let announced = [post_block(), frames::literal("trailer", "x-test")].concat();
    let trailers = frames::literal("x-test", "ok");
    vec![
        sends("8.1", "GET", [get(1)], Answer(1)),
        sends(
            "8.1",
            "HEAD",
            [head(1, END_STREAM, &head_request.concat())],
            Answer(1),
        ),
        sends(
            "8.1",
            "POST",
            [post(1), data(1, END_STREAM, b"test")],
            Answer(1),
        ),
        sends(
            "8.1",
            "POST with trailers",
            [
                head(1, 0, &announced),
                data(1, 0, b"test"),
                head(1, END_STREAM, &trailers),
            ],
            Answer(1),
        ),
    ]
}

/// Strings in Huffman coding are those of RFC 7541 appendix C.4: `custom-key`, `custom-value`.
fn compressed() -> Vec<Case> {
    const NAME: &[u8] = b"\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f";
    const VALUE: &[u8] = b"\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf";
    /// The index of `user-agent` fits into six bits, and not into the four of the other forms.
    const AGENT_IN_SIX: &[u8] = &[0x40 | 58];
    const AGENT_IN_FOUR: &[u8] = &[15, 58 - 15];
    let plain_name = frames::string("custom-key");
    let plain = frames::string("custom-value");
    let with = |section, what, before: &[u8], after: &[&[u8]]| {
        let block = [before, &get_block(), &after.concat()].concat();
        sends(section, what, [head(1, END_STREAM, &block)], Answer(1))
    };
    let never = [0x10 | 15, 58 - 15];
    vec![
        with("RFC 7541 6.1", "indexed header", b"", &[&[0x80 | 58]]),
        with(
            "RFC 7541 6.2.1",
            "kept, indexed name",
            b"",
            &[AGENT_IN_SIX, &plain],
        ),
        with(
            "RFC 7541 6.2.1",
            "kept, indexed name, Huffman",
            b"",
            &[AGENT_IN_SIX, VALUE],
        ),
        with(
            "RFC 7541 6.2.1",
            "kept, new name",
            b"",
            &[&[0x40], &plain_name, &plain],
        ),
        with(
            "RFC 7541 6.2.1",
            "kept, new name, Huffman",
            b"",
            &[&[0x40], NAME, VALUE],
        ),
        with(
            "RFC 7541 6.2.2",
            "not kept, indexed name",
            b"",
            &[AGENT_IN_FOUR, &plain],
        ),
        with(
            "RFC 7541 6.2.2",
            "not kept, indexed name, Huffman",
            b"",
            &[AGENT_IN_FOUR, VALUE],
        ),
        with(
            "RFC 7541 6.2.2",
            "not kept, new name",
            b"",
            &[&[0], &plain_name, &plain],
        ),
        with(
            "RFC 7541 6.2.2",
            "not kept, new name, Huffman",
            b"",
            &[&[0], NAME, VALUE],
        ),
        with(
            "RFC 7541 6.2.3",
            "never kept, indexed name",
            b"",
            &[&never, &plain],
        ),
        with(
            "RFC 7541 6.2.3",
            "never kept, indexed name, Huffman",
            b"",
            &[&never, VALUE],
        ),
        with(
            "RFC 7541 6.2.3",
            "never kept, new name",
            b"",
            &[&[0x10], &plain_name, &plain],
        ),
        with(
            "RFC 7541 6.2.3",
            "never kept, new name, Huffman",
            b"",
            &[&[0x10], NAME, VALUE],
        ),
        with("RFC 7541 6.3", "table size update", &[0x20], &[]),
        with(
            "RFC 7541 4.2",
            "table size updates, down and up",
            &[0x20, 0x3f, 0xe1, 0x1f],
            &[],
        ),
    ]
}
