//! `sealgate init`: what `serve` needs to find, made once.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use vault_server::config::{Config, DATA_DIR_DEFAULT};
use vault_server::vault::bootstrap;

use crate::serve::{root_key_source, say};

/// Options of `init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Directory of the database and of the root key.
    #[arg(long, env = "SEALGATE_DATA_DIR", default_value = DATA_DIR_DEFAULT)]
    data_dir: PathBuf,

    /// File for the root key, instead of `root.key` in the data directory.
    #[arg(long, env = "SEALGATE_ROOT_KEY_FILE")]
    root_key_file: Option<PathBuf>,

    /// Name of an environment variable that holds the root key, instead of a file.
    #[arg(
        long,
        env = "SEALGATE_ROOT_KEY_VARIABLE",
        conflicts_with = "root_key_file"
    )]
    root_key_variable: Option<String>,
}

impl Init {
    pub(crate) fn run(self) -> ExitCode {
        match self.init() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                say(&format!("sealgate: {error}\n"));
                ExitCode::FAILURE
            }
        }
    }

    fn init(self) -> Result<(), Box<dyn Error>> {
        let mut config = Config::new(self.data_dir);
        if let Some(source) = root_key_source(self.root_key_file, self.root_key_variable) {
            config.root_key = source;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let made = runtime.block_on(bootstrap::init(&config))?;
        // Shown first: a key that nobody saw must not come to life.
        let mut out = std::io::stdout().lock();
        out.write_all(made.text().as_bytes())?;
        out.flush()?;
        runtime.block_on(made.complete())?;
        Ok(())
    }
}
