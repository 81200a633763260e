#![no_main]
use libfuzzer_sys::fuzz_target;
use vault_server::audit_files::{EXPORT_LINE_BYTES_MAX, ExportLine};

// A link comes back from its own line, which is one line and within its bound.
fuzz_target!(|data: &[u8]| {
    if let Some(link) = ExportLine::parse(data) {
        let line = serde_json::to_vec(&ExportLine::of(&link)).expect("a line");
        assert!(line.len() <= EXPORT_LINE_BYTES_MAX && !line.contains(&b'\n'));
        assert_eq!(ExportLine::parse(&line), Some(link));
    }
});
