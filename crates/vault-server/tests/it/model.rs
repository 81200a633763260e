//! Random calls by users of two organisations, beside a simple model of who may read what.
//!
//! Every case starts with fresh organisations on one server. After each call its status is the
//! one that the model foretells; at the end everybody tries to read everything that ever was, by
//! name, by version, through every share and in every list.

mod at_once;
mod steps;
mod world;

use proptest::test_runner::{Config, TestCaseError, TestRunner};

use self::steps::steps;
use self::world::World;
use crate::api_support::Api;

const CASES: u32 = 40;
/// Raises [`CASES`].
const CASES_VARIABLE: &str = "VAULT_SERVER_MODEL_CASES";
const SHRINKS_MAX: u32 = 400;

#[test]
fn everybody_reads_what_the_model_says_and_nothing_else() {
    let cases = std::env::var(CASES_VARIABLE)
        .map_or(CASES, |text| text.parse().expect("a number of cases"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let api = runtime.block_on(Api::start());
    let mut runner = TestRunner::new(Config {
        cases,
        max_shrink_iters: SHRINKS_MAX,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&steps(), |steps| {
        let case = async {
            let mut world = World::make(&api).await;
            for step in &steps {
                world.take(step).await?;
            }
            world.check_everything().await
        };
        runtime.block_on(case).map_err(TestCaseError::fail)
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
