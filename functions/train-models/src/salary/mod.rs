//! Training of salary models.

use common::runtime::Invocation;
use common::storage::Warehouse;
use common::{Error, Result};

use crate::context::TrainModels;
use crate::options::Options;
use crate::report::ModelReport;

/// Trains the salary models that the options select.
///
/// # Errors
/// Always: the training is not built yet.
#[allow(clippy::unused_async)] // The training awaits.
pub(crate) async fn run(
    _: &TrainModels,
    _: &Invocation<Options>,
    _: &dyn Warehouse,
) -> Result<Vec<ModelReport>> {
    Err(Error::internal("the training is not built yet"))
}
