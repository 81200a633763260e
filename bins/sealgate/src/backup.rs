//! `sealgate backup` and `sealgate restore`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use vault_server::backup::{Copied, CopyError, back_up, restore};
use vault_server::config::DATA_DIR_DEFAULT;

use crate::serve::say;

/// Options of `backup`.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// Directory to copy. A server may be running on it.
    #[arg(long, env = "SEALGATE_DATA_DIR", default_value = DATA_DIR_DEFAULT)]
    data_dir: PathBuf,

    /// Directory to fill; it is made, or empty.
    #[arg(long)]
    to: PathBuf,

    /// Copy the root key file, too: whoever has such a backup can sign rows of their own.
    #[arg(long)]
    with_root_key: bool,
}

/// Options of `restore`.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// Directory that `backup` filled.
    #[arg(long)]
    from: PathBuf,

    /// Data directory to make; it is absent or empty.
    #[arg(long, env = "SEALGATE_DATA_DIR", default_value = DATA_DIR_DEFAULT)]
    data_dir: PathBuf,
}

impl Backup {
    pub(crate) fn run(self) -> ExitCode {
        end(back_up(&self.data_dir, &self.to, self.with_root_key))
    }
}

impl Restore {
    pub(crate) fn run(self) -> ExitCode {
        end(restore(&self.from, &self.data_dir))
    }
}

fn end(done: Result<Copied, CopyError>) -> ExitCode {
    let told = done.map(|copied| {
        let key = if copied.root_key {
            "with the root key"
        } else {
            "without the root key, which is to be kept apart"
        };
        let (bodies, bytes) = (copied.bodies, copied.body_bytes);
        format!("Copied and checked: the database, {bodies} bodies of {bytes} bytes, {key}.\n")
    });
    match told {
        Ok(text) => match std::io::stdout().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(error) => {
            say(&format!("sealgate: {error}\n"));
            ExitCode::FAILURE
        }
    }
}
