//! The file that checkpoints are appended to, outside the database.
//!
//! It holds signed notes one after the other (`hardened_crypto::audit_chain`, checkpoint), is
//! opened anew for each, and so may be moved away at any time. A note that a crash cut off is
//! told from the ones around it and left out.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use hardened_crypto::audit_chain::SignedCheckpoint;

/// Name of the file inside the data directory when no other is named.
pub const CHECKPOINT_FILE_NAME: &str = "audit-checkpoints";
/// Bytes of such a file that are read.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Only the owner of the process reads it.
const FILE_MODE: u32 = 0o600;
/// How a note begins.
const FIRST_LINE: &str = "sealgate.audit/";
/// Lines of a note, the empty one among them.
const NOTE_LINES: usize = 6;

/// A file of checkpoints.
#[derive(Debug, Clone)]
pub struct CheckpointFile(PathBuf);

impl CheckpointFile {
    /// The file at `path`, made when it is first written.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Adds a checkpoint, durably.
    ///
    /// # Errors
    /// What the file system says.
    pub fn append(&self, text: &str) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .append(true)
            .read(true)
            .create(true)
            .mode(FILE_MODE)
            .open(&self.0)?;
        // One write; behind a note that was cut off it starts on a line of its own.
        let separator = if ends_with_line(&mut file)? { "" } else { "\n" };
        file.write_all(format!("{separator}{text}").as_bytes())?;
        file.sync_all()
    }

    /// Reads all checkpoints. Their signatures are still to be checked.
    ///
    /// # Errors
    /// What the file system says, `InvalidData` for a file that is too large.
    pub fn read(path: &Path) -> io::Result<Vec<SignedCheckpoint>> {
        let mut bytes = Vec::new();
        let file = File::open(path)?;
        if file.metadata()?.len() > FILE_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        // A cut may stand within a character; notes around it stay readable.
        Ok(Self::parse(&String::from_utf8_lossy(&bytes)))
    }

    /// The readable checkpoints of a file.
    #[must_use]
    pub fn parse(text: &str) -> Vec<SignedCheckpoint> {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let starts = (0..lines.len()).filter(|at| lines[*at].starts_with(FIRST_LINE));
        let notes = starts.filter_map(|at| lines.get(at..at + NOTE_LINES));
        notes
            .filter_map(|note| SignedCheckpoint::parse(note.concat().as_bytes()).ok())
            .collect()
    }
}

fn ends_with_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hardened_crypto::audit_chain::{Chain, Checkpoint};
    use hardened_crypto::root_key::RootKeyring;
    use secrecy::ExposeSecret;

    #[test]
    fn a_note_that_was_cut_off_hides_no_other() {
        let text = RootKeyring::make_text().unwrap();
        let ring = RootKeyring::parse(text.expose_secret()).unwrap();
        let note = |time| {
            let chain = Chain::empty([1; 16].into());
            Checkpoint::of(&chain, time).sign(&ring).to_text()
        };
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("checkpoints");
        let file = CheckpointFile::new(path.clone());
        file.append(&note(1)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        // Without the end of its last line alone, a note is whole.
        for cut in 0..note(2).len() - 1 {
            let torn = [&whole[..], &note(2).as_bytes()[..cut]].concat();
            std::fs::write(&path, torn).unwrap();
            file.append(&note(3)).unwrap();
            let times: Vec<_> = CheckpointFile::read(&path)
                .unwrap()
                .iter()
                .map(|one| one.verify(&ring).unwrap().time_utc_ms())
                .collect();
            assert_eq!(times, [1, 3], "cut at {cut}");
        }
    }
}
