//! HTTP/2 frames written by hand (RFC 9113 section 4, RFC 7541), for peers that no library plays.

use tokio::io::{AsyncRead, AsyncReadExt};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;
pub(crate) const WITH_PRIORITY: u8 = 0x20;

/// A frame of any kind (section 4.1); the payload is at most 2^24-1 bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Preface and empty settings.
pub(crate) fn opening() -> Vec<u8> {
    [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        &frame(SETTINGS, 0, 0, b""),
    ]
    .concat()
}

/// `:method GET`, `:scheme http`, `:path /`, `:authority a`.
fn get_block() -> Vec<u8> {
    vec![0x82, 0x86, 0x84, 0x01, 1, b'a']
}

/// A request without a key, with or without a body to come.
pub(crate) fn get(stream: u32, ends: bool) -> Vec<u8> {
    let flags = END_HEADERS | if ends { END_STREAM } else { 0 };
    frame(HEADERS, flags, stream, &get_block())
}

/// A whole `GET` of a path with headers.
pub(crate) fn get_of(stream: u32, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    // `:method GET`, `:scheme http`, `:path` and `:authority` as literals of known names.
    let mut block = vec![0x82, 0x86, 0x04];
    block.extend(string(path));
    block.extend([0x01, 1, b'a']);
    for (name, value) in headers {
        block.extend(literal(name, value));
    }
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)
}

/// What came of one stream.
#[derive(Debug, Default)]
pub(crate) struct Came {
    pub(crate) data: Vec<u8>,
    /// Error code of the reset, if that was its end; otherwise it ended cleanly.
    pub(crate) reset: Option<u32>,
}

/// Reads frames until this stream ends, however it does.
pub(crate) async fn read_stream(from: &mut (impl AsyncRead + Unpin), stream: u32) -> Came {
    let mut came = Came::default();
    loop {
        let mut head = [0; 9];
        from.read_exact(&mut head).await.unwrap();
        let [a, b, c, kind, flags, ..] = head;
        let of = u32::from_be_bytes(head[5..].try_into().unwrap());
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        from.read_exact(&mut payload).await.unwrap();
        assert_ne!(kind, GOAWAY, "the connection ends");
        if of != stream {
            continue;
        }
        match kind {
            RST_STREAM => {
                came.reset = Some(u32::from_be_bytes(payload.try_into().unwrap()));
                return came;
            }
            DATA => came.data.extend(payload),
            _ => {}
        }
        if matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0 {
            return came;
        }
    }
}

/// A head that is to be continued.
pub(crate) fn unfinished_headers(stream: u32) -> Vec<u8> {
    frame(HEADERS, 0, stream, &get_block())
}

/// More of a head, and still not its end.
pub(crate) fn continuation(stream: u32, block: &[u8]) -> Vec<u8> {
    frame(CONTINUATION, 0, stream, block)
}

/// A header as a literal that is not kept (RFC 7541 section 6.2.2).
pub(crate) fn literal(name: &str, value: &str) -> Vec<u8> {
    [&[0][..], &string(name), &string(value)].concat()
}

/// A string without Huffman coding, with its length as an integer of seven bits (section 5.1).
pub(crate) fn string(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    match u8::try_from(text.len()) {
        Ok(short) if short < 127 => out.push(short),
        _ => {
            out.push(127);
            let mut rest = text.len() - 127;
            while rest >= 128 {
                out.push(0x80 | u8::try_from(rest % 128).unwrap());
                rest /= 128;
            }
            out.push(u8::try_from(rest).unwrap());
        }
    }
    out.extend_from_slice(text.as_bytes());
    out
}

/// A head that keeps one long header in the table and then refers to it thousands of times.
pub(crate) fn bomb(stream: u32) -> Vec<u8> {
    let mut block = get_block();
    // Literal with incremental indexing (section 6.2.1), then index 62 over and over.
    block.push(0x40);
    block.extend_from_slice(&string("x-a"));
    block.extend_from_slice(&string(&"x".repeat(3_500)));
    block.resize(16_000, 0xbe);
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)
}

pub(crate) fn reset(stream: u32) -> Vec<u8> {
    // CANCEL
    frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())
}

pub(crate) fn window_update(stream: u32, by: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &by.to_be_bytes())
}

pub(crate) fn data(stream: u32, bytes: &[u8]) -> Vec<u8> {
    frame(DATA, 0, stream, bytes)
}

pub(crate) fn ping() -> Vec<u8> {
    frame(PING, 0, 0, &[0; 8])
}

pub(crate) fn settings() -> Vec<u8> {
    // INITIAL_WINDOW_SIZE
    frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff])
}
