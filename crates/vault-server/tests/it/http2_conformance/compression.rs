//! Heads that no table or coding explains: the connection ends, since its state is lost.

use super::{COMPRESSION_ERROR, Case, Outcome, frame, frames, get_block, head, sends};
use frames::END_STREAM;

pub(super) fn cases() -> Vec<Case> {
    let with = |section, what, before: &[u8], after: &[u8]| {
        let block = [before, &get_block(), after].concat();
        let outcome = Outcome::Unspecific(COMPRESSION_ERROR);
        sends(section, what, [head(1, END_STREAM, &block)], outcome)
    };
    // A literal whose name is given and whose value of so many bytes is in Huffman coding.
    let coded = |coded: &[u8]| {
        let length = 0x80 | u8::try_from(coded.len()).unwrap();
        [&[0][..], &frames::string("x-test"), &[length], coded].concat()
    };
    vec![
        sends(
            "4.3",
            "a block that breaks off",
            [frame(
                frames::HEADERS,
                END_STREAM | frames::END_HEADERS,
                1,
                &[0x40],
            )],
            Outcome::Unspecific(COMPRESSION_ERROR),
        ),
        with(
            "RFC 7541 2.3.3",
            "indexed header outside of both tables",
            b"",
            &[0x80 | 70],
        ),
        with(
            "RFC 7541 2.3.3",
            "literal with a name outside of both tables",
            b"",
            &[&[0x7f, 70 - 63][..], &frames::string("x")].concat(),
        ),
        with(
            "RFC 7541 4.2",
            "table size update behind a header",
            b"",
            &[0x20],
        ),
        // `0` is five zeros; the rest of its byte should be ones.
        with(
            "RFC 7541 5.2",
            "Huffman padding longer than 7 bits",
            b"",
            &coded(&[0x07, 0xff]),
        ),
        with(
            "RFC 7541 5.2",
            "Huffman padding of zeros",
            b"",
            &coded(&[0x00]),
        ),
        with(
            "RFC 7541 5.2",
            "Huffman string with EOS",
            b"",
            &coded(&[0xff; 4]),
        ),
        with("RFC 7541 6.1", "index 0", b"", &[0x80]),
        with(
            "RFC 7541 6.3",
            "table size update above the setting",
            &[0x3f, 0xe2, 0x1f],
            b"",
        ),
    ]
}
