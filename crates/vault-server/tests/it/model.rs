//! Random calls by users of two organisations, beside a simple model of who may read what.
//!
//! Every case starts with fresh organisations on one server. After each call its status is the
//! one that the model foretells, and the caller's lists hold what the model says can be read one
//! by one. At the end everybody tries to read everything that ever was, by name, by version, in
//! batches, through every share and every token and in every list; credentials are used, and an
//! upstream behind TLS tells what it got.

mod at_once;
mod check;
mod files_and_credentials;
mod held;
mod shares;
mod stage;
mod steps;
mod tokens;
mod users;
mod values;
mod world;

use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner};

use self::stage::Stage;
use self::steps::{Step, steps};
use self::world::World;

const CASES: u32 = 20;
/// Raises [`CASES`].
const CASES_VARIABLE: &str = "VAULT_SERVER_MODEL_CASES";
const SHRINKS_MAX: u32 = 400;
/// Seeds of sequences that failed once; each is played again first.
const REGRESSIONS: &str = "tests/it/model/regressions.txt";
/// What must have been there to be read or used in some case.
const PROVEN: [&str; 7] = [
    "shared value",
    "shared file",
    "shared credential",
    "use of an own credential",
    "use by a share",
    "use by a token",
    "value by a token",
];

#[test]
fn everybody_reads_what_the_model_says_and_nothing_else() {
    let cases = std::env::var(CASES_VARIABLE)
        .map_or(CASES, |text| text.parse().expect("a number of cases"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let stage = runtime.block_on(Stage::set());
    let mut runner = TestRunner::new(Config {
        cases,
        max_shrink_iters: SHRINKS_MAX,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
        ..Config::default()
    });
    let outcome = runner.run(&steps(), |steps| {
        let played = runtime.block_on(play(&stage, &steps));
        played.map_err(TestCaseError::fail)
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    let proven = stage.proven();
    for what in PROVEN {
        assert!(proven.contains_key(what), "no case with a {what}");
    }
}

async fn play(stage: &Stage, steps: &[Step]) -> Result<(), String> {
    let mut world = World::make(stage).await;
    for step in steps {
        world.take(step).await?;
    }
    world.check_everything().await
}
