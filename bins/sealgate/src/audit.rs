//! `sealgate audit`: checks the audit log offline, and writes it out.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use vault_server::audit_files::{
    AuditSource, DatabaseSource, ExportSource, Finding, OldRow, checkpoints_of, export, verify,
};
use vault_server::config::{DATA_DIR_DEFAULT, ROOT_KEY_FILE_NAME, RootKeySource};
use vault_server::vault::audit::{CHECKPOINT_FILE_NAME, CheckpointFile, SERVER_LOG};
use vault_server::vault::bootstrap::{DATABASE_FILE_NAME, root_keys};

use crate::serve::{root_key_source, say};

/// Options of `audit`.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check every chain and name the first broken entry of each, and rows that are older than
    /// their chain. The server may be running.
    Verify(Verify),
    /// Write every entry as one line of JSON. The server may be running.
    Export(Export),
}

#[derive(Debug, Args)]
struct Verify {
    /// Directory of the database, of the root key and of the checkpoints.
    #[arg(long, env = "SEALGATE_DATA_DIR", default_value = DATA_DIR_DEFAULT)]
    data_dir: PathBuf,

    /// Check this export instead of the database.
    #[arg(long)]
    export: Option<PathBuf>,

    /// File of checkpoints, instead of `audit-checkpoints` in the data directory.
    #[arg(long, env = "SEALGATE_AUDIT_CHECKPOINTS")]
    checkpoints: Option<PathBuf>,

    /// File with the root key, instead of `root.key` in the data directory.
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

#[derive(Debug, Args)]
struct Export {
    /// Directory of the database.
    #[arg(long, env = "SEALGATE_DATA_DIR", default_value = DATA_DIR_DEFAULT)]
    data_dir: PathBuf,

    /// File to make, instead of standard output.
    #[arg(long)]
    to: Option<PathBuf>,
}

impl Audit {
    pub(crate) fn run(self) -> ExitCode {
        let done = match self.command {
            Command::Verify(verify) => verify.verify(),
            Command::Export(export) => export.export().map(|()| true),
        };
        match done {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                say(&format!("sealgate: {error}\n"));
                ExitCode::FAILURE
            }
        }
    }
}

impl Export {
    fn export(self) -> Result<(), Box<dyn Error>> {
        let source = DatabaseSource::open(&self.data_dir.join(DATABASE_FILE_NAME))?;
        match self.to {
            None => export(&source, BufWriter::new(std::io::stdout().lock()))?,
            Some(path) => {
                let file = File::create_new(path)?;
                let written = export(&source, BufWriter::new(&file))?;
                file.sync_all()?;
                written
            }
        };
        Ok(())
    }
}

impl Verify {
    /// Whether nothing is broken.
    fn verify(self) -> Result<bool, Box<dyn Error>> {
        let source: Box<dyn AuditSource> = match &self.export {
            None => Box::new(DatabaseSource::open(
                &self.data_dir.join(DATABASE_FILE_NAME),
            )?),
            Some(path) => Box::new(ExportSource::read(BufReader::new(File::open(path)?))?),
        };
        let (checkpoints, refused) = match self.checkpoint_file() {
            None => (BTreeMap::new(), 0),
            Some(path) => {
                let signed = CheckpointFile::read(&path)?;
                checkpoints_of(&signed, &root_keys(&self.root_key())?)
            }
        };
        let findings = verify(&*source, &checkpoints)?;
        let mut out = std::io::stdout().lock();
        for finding in &findings {
            writeln!(out, "{}", told(finding))?;
            for old in old_rows(finding) {
                writeln!(out, "{}: OLD: {old}", whose(finding))?;
            }
        }
        if checkpoints.is_empty() {
            writeln!(out, "no checkpoints: entries cut off at the end go unseen")?;
        }
        if refused > 0 {
            writeln!(out, "BROKEN: {refused} checkpoints did not authenticate")?;
        }
        Ok(refused == 0 && findings.iter().all(Finding::is_good))
    }

    /// The file named, or the one of the data directory if it is there.
    fn checkpoint_file(&self) -> Option<PathBuf> {
        let of_data_dir = || {
            let path = self.data_dir.join(CHECKPOINT_FILE_NAME);
            (self.export.is_none() && Path::exists(&path)).then_some(path)
        };
        self.checkpoints.clone().or_else(of_data_dir)
    }

    fn root_key(&self) -> RootKeySource {
        root_key_source(self.root_key_file.clone(), self.root_key_variable.clone())
            .unwrap_or_else(|| RootKeySource::File(self.data_dir.join(ROOT_KEY_FILE_NAME)))
    }
}

fn whose(finding: &Finding) -> String {
    if finding.org_id == SERVER_LOG {
        "server".to_owned()
    } else {
        finding.org_id.to_string()
    }
}

fn old_rows(finding: &Finding) -> &[OldRow] {
    finding
        .outcome
        .as_ref()
        .map_or(&[], |report| &report.old_rows)
}

fn told(finding: &Finding) -> String {
    let whose = whose(finding);
    match &finding.outcome {
        Ok(report) => {
            let verified = &report.verified;
            let clock = match verified.first_step_back {
                Some(first) => format!(", clock set back first at entry {first}"),
                None => String::new(),
            };
            format!(
                "{whose}: {} entries, unbroken, {} checkpoints met{clock}",
                verified.chain.size(),
                verified.checkpoints_met
            )
        }
        Err(fault) => format!("{whose}: BROKEN: {fault}"),
    }
}
