//! Requests (section 8): what is malformed is refused for its stream, and the others go on.

use super::{
    Case, Outcome, PROTOCOL_ERROR, api_key, data, frame, frames, get, get_block, head, post,
    post_block, pseudo, sends,
};
use Outcome::{Answer, Connection, Refused, Stream};
use frames::{END_STREAM, literal};

pub(super) fn cases() -> Vec<Case> {
    [fields(), request_line(), bodies()]
        .into_iter()
        .flatten()
        .collect()
}

/// A request without a body whose head is this block.
fn request(section: &'static str, what: &'static str, block: &[Vec<u8>], outcome: Outcome) -> Case {
    let request = head(1, END_STREAM, &block.concat());
    sends(section, what, [request], outcome)
}

fn fields() -> Vec<Case> {
    // What breaks while the block is read is told to the connection, as the server may choose;
    // what is asked of a whole message, to its stream.
    let unread = || Connection(PROTOCOL_ERROR);
    let malformed = || Stream(1, PROTOCOL_ERROR);
    let with = |section, what, name, value, outcome| {
        request(section, what, &[get_block(), literal(name, value)], outcome)
    };
    let before = |what, name, value, outcome| {
        request("8.3", what, &[literal(name, value), get_block()], outcome)
    };
    vec![
        with("8.2", "a name in capitals", "X-TEST", "ok", unread()),
        with("8.2.1", "a name with a space", "x test", "ok", unread()),
        with(
            "8.2.1",
            "a value with a line break",
            "x-test",
            "a\r\nx-b: c",
            unread(),
        ),
        before("an unknown pseudo-header", ":test", "ok", unread()),
        before(
            "the pseudo-header of answers",
            ":status",
            "200",
            malformed(),
        ),
        with(
            "8.3",
            "an unknown pseudo-header behind a header",
            ":test",
            "ok",
            unread(),
        ),
        before(
            "a pseudo-header behind a header",
            "x-test",
            "ok",
            malformed(),
        ),
        sends(
            "8.3",
            "a pseudo-header in a second head that ends nothing",
            [
                post(1),
                data(1, 0, b"test"),
                head(1, 0, &literal(":method", "POST")),
            ],
            malformed(),
        ),
        // The section asks for an error; the library drops the field, and nobody sees it.
        sends(
            "8.3",
            "a pseudo-header in trailers",
            [
                post(1),
                data(1, 0, b"test"),
                head(1, END_STREAM, &literal(":method", "POST")),
            ],
            Answer(1),
        ),
        with(
            "8.2.2",
            "Connection",
            "connection",
            "keep-alive",
            malformed(),
        ),
        with(
            "8.2.2",
            "Transfer-Encoding",
            "transfer-encoding",
            "chunked",
            malformed(),
        ),
        with(
            "8.2.2",
            "TE with more than trailers",
            "te",
            "trailers, deflate",
            malformed(),
        ),
    ]
}

/// Entries of the static table: 0x82 `:method GET`, 0x84 `:path /`, 0x86 `:scheme http`.
fn request_line() -> Vec<Case> {
    let of = |what, indices: &[u8], more: Vec<u8>, outcome| {
        request("8.3.1", what, &[indices.to_vec(), more, api_key()], outcome)
    };
    let malformed = || Stream(1, PROTOCOL_ERROR);
    let whole = || pseudo(0x82);
    vec![
        of(
            "an empty path",
            &[0x82, 0x86],
            literal(":path", ""),
            malformed(),
        ),
        of("no method", &[0x84, 0x86], Vec::new(), malformed()),
        of("no scheme", &[0x82, 0x84], Vec::new(), malformed()),
        // An answer may come in place of the error (section 8.1.1).
        of("no path", &[0x82, 0x86], Vec::new(), Refused(1)),
        of("the method twice", &[0x82], whole(), malformed()),
        of("the scheme twice", &[0x86], whole(), malformed()),
        of("the path twice", &[0x84], whole(), malformed()),
    ]
}

fn bodies() -> Vec<Case> {
    let sized = |length| {
        head(
            1,
            0,
            &[post_block(), literal("content-length", length)].concat(),
        )
    };
    let pushed = [&2_u32.to_be_bytes()[..], &get_block()].concat();
    vec![
        sends(
            "8.1",
            "a second head that does not end the stream",
            [
                post(1),
                data(1, 0, b"test"),
                head(1, 0, &literal("x-test", "ok")),
            ],
            Stream(1, PROTOCOL_ERROR),
        ),
        sends(
            "8.1.1",
            "DATA of another length than Content-Length",
            [sized("1"), data(1, END_STREAM, b"test")],
            Stream(1, PROTOCOL_ERROR),
        ),
        sends(
            "8.1.1",
            "DATA, twice, of another length than Content-Length",
            [
                sized("1"),
                data(1, 0, b"test"),
                data(1, END_STREAM, b"test"),
            ],
            Stream(1, PROTOCOL_ERROR),
        ),
        sends(
            "8.1.1",
            "less DATA than Content-Length",
            [sized("9"), data(1, END_STREAM, b"test")],
            Stream(1, PROTOCOL_ERROR),
        ),
        sends(
            "8.4",
            "PUSH_PROMISE of a client",
            [
                get(1),
                frame(frames::PUSH_PROMISE, frames::END_HEADERS, 1, &pushed),
            ],
            Connection(PROTOCOL_ERROR),
        ),
    ]
}
