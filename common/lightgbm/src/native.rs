//! The calls into LightGBM's C interface, with the conditions under which they are sound.
//!
//! LightGBM reports failures as a status and a message of the calling thread, and never throws through the interface.
//! What it takes for granted, and each caller here ensures: handles are live, pointers are valid for the sizes passed
//! with them, texts end with NUL, and one booster is used by one thread at a time (`&mut`, or the lock of `Booster`).
#![allow(unsafe_code)] // The foreign interface.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use common_core::{Error, Result};

use crate::dataset::Matrix;
use crate::ffi as sys;

/// `C_API_DTYPE_FLOAT32`.
const FLOAT32: c_int = 0;
const ROW_MAJOR: c_int = 1;
/// Bytes for the name of a metric, with its NUL. LightGBM's longest has some 30.
const METRIC_NAME: usize = 128;

/// While it lives, this thread's calls run on a number of threads, and their messages go to the log.
///
/// OpenMP's number belongs to the calling thread. LightGBM reads it wherever its own number is not set, and no call of
/// this crate sets that one (`num_threads` is taken out of the parameters), so that a buffer for each thread and the
/// loop that uses it agree, whatever other threads of the process do.
pub(crate) struct Entered {
    before: c_int,
    _this_thread: PhantomData<*const ()>,
}

impl Entered {
    /// `None` leaves the number to OpenMP: the number of cores, or its environment variables.
    pub(crate) fn new(threads: Option<u32>) -> Self {
        // SAFETY: OpenMP's functions may be called at any time outside a parallel region; the callback is a static
        // function that does not unwind, and LightGBM keeps it for this thread only.
        let before = unsafe {
            sys::LGBM_RegisterLogCallback(Some(log));
            sys::omp_get_max_threads()
        };
        if let Some(threads) = threads {
            // SAFETY: as above.
            unsafe { sys::omp_set_num_threads(c_int::try_from(threads.max(1)).unwrap_or(c_int::MAX)) };
        }
        Self { before, _this_thread: PhantomData }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // SAFETY: as in `new`; the value cannot leave its thread.
        unsafe { sys::omp_set_num_threads(self.before) };
    }
}

/// A message arrives as a prefix, the message and a line end, in three calls.
extern "C" fn log(message: *const c_char) {
    // SAFETY: LightGBM passes a buffer of its stack that ends with NUL.
    let message = unsafe { CStr::from_ptr(message) }.to_string_lossy();
    let message = message.trim();
    if !message.is_empty() && !message.starts_with("[LightGBM]") {
        tracing::debug!("LightGBM: {message}");
    }
}

/// Turns a status into a `Result`. It must be called by the thread of the failed call, before its next one.
fn check(status: c_int) -> Result<()> {
    if status == 0 {
        return Ok(());
    }
    // SAFETY: the message is a buffer of this thread that ends with NUL.
    let message = unsafe { CStr::from_ptr(sys::LGBM_GetLastError()) }.to_string_lossy().replace('\n', " ");
    Err(Error::invalid_input(format!("LightGBM: {}", message.trim())))
}

/// The number as LightGBM's `int`.
pub(crate) fn int(number: usize, what: &str) -> Result<c_int> {
    c_int::try_from(number).map_err(|_| {
        Error::invalid_input(format!(
            "invalid number of {what} \"{number}\": expected at most {}",
            c_int::MAX
        ))
    })
}

fn length(number: impl TryInto<usize>) -> Result<usize> {
    number.try_into().map_err(|_| Error::internal("LightGBM: a length does not fit into memory"))
}

/// A pointer that a successful call has set.
fn handle(pointer: *mut c_void) -> Result<NonNull<c_void>> {
    NonNull::new(pointer).ok_or_else(|| Error::internal("LightGBM: a call succeeded without a result"))
}

/// Rows in bins.
pub(crate) struct Bins(NonNull<c_void>);

// SAFETY: LightGBM's dataset has no tie to a thread. After its creation (`set` takes `&mut`) all that reads it takes it
// as const, and it has no mutable members.
unsafe impl Send for Bins {}
// SAFETY: as above.
unsafe impl Sync for Bins {}

impl Bins {
    /// Bins of the matrix, or those of `reference` applied to it. The matrix has at least one row.
    pub(crate) fn new(matrix: Matrix<'_>, parameters: &CStr, reference: Option<&Self>) -> Result<Self> {
        let (rows, columns) = (int(matrix.rows()?, "rows")?, int(matrix.columns, "columns")?);
        let mut out = ptr::null_mut();
        // SAFETY: `rows()` has checked that the values are rows × columns; they are copied. The reference is live; it
        // is copied too, so it may be freed before the result.
        check(unsafe {
            sys::LGBM_DatasetCreateFromMat(
                matrix.values.as_ptr().cast(),
                FLOAT32,
                rows,
                columns,
                ROW_MAJOR,
                parameters.as_ptr(),
                reference.map_or(ptr::null_mut(), |reference| reference.0.as_ptr()),
                &raw mut out,
            )
        })?;
        Ok(Self(handle(out)?))
    }

    /// Sets a field of one number a row (`label`, `weight`). LightGBM checks the number of rows.
    pub(crate) fn set(&mut self, field: &CStr, values: &[f32]) -> Result<()> {
        let rows = int(values.len(), "rows")?;
        // SAFETY: the values are copied; their number and type are passed with them.
        check(unsafe {
            sys::LGBM_DatasetSetField(self.0.as_ptr(), field.as_ptr(), values.as_ptr().cast(), rows, FLOAT32)
        })
    }

    /// Names the columns. LightGBM checks their number.
    pub(crate) fn set_names(&mut self, names: &[CString]) -> Result<()> {
        let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        let count = int(pointers.len(), "names")?;
        // SAFETY: an array of `count` texts, which are copied.
        check(unsafe { sys::LGBM_DatasetSetFeatureNames(self.0.as_ptr(), pointers.as_mut_ptr(), count) })
    }
}

impl Drop for Bins {
    fn drop(&mut self) {
        // SAFETY: the handle is live and not used again. Trainings borrow the value.
        unsafe { sys::LGBM_DatasetFree(self.0.as_ptr()) };
    }
}

/// What a prediction returns: `C_API_PREDICT_…`.
#[derive(Debug, Clone, Copy)]
#[repr(i32)]
pub(crate) enum Output {
    /// Values of the objective's scale.
    Values = 0,
    /// Sums of the trees.
    Raw = 1,
    /// Contributions of the columns to the sums.
    Contributions = 3,
}

/// A model, in training (it borrows its datasets) or loaded (`'static`).
pub(crate) struct Model<'a> {
    handle: NonNull<c_void>,
    _datasets: PhantomData<&'a Bins>,
}

// SAFETY: a loaded model has no tie to a thread. A model in training could not leave it either: its buffers are for the
// number of threads of `Entered`.
unsafe impl Send for Model<'static> {}

impl Model<'static> {
    /// Reads a text that `text::check` has accepted.
    pub(crate) fn load(text: &CStr) -> Result<Self> {
        let (mut rounds, mut out) = (0, ptr::null_mut());
        // SAFETY: the text is read and not kept. LightGBM follows offsets and indexes of the text without checking
        // them, which is why the text has been checked.
        check(unsafe { sys::LGBM_BoosterLoadModelFromString(text.as_ptr(), &raw mut rounds, &raw mut out) })?;
        Ok(Self { handle: handle(out)?, _datasets: PhantomData })
    }
}

impl<'a> Model<'a> {
    /// A model without trees. LightGBM keeps the pointer to the dataset, hence the lifetime.
    pub(crate) fn new(dataset: &'a Bins, parameters: &CStr) -> Result<Self> {
        let mut out = ptr::null_mut();
        // SAFETY: the dataset outlives the result.
        check(unsafe { sys::LGBM_BoosterCreate(dataset.0.as_ptr(), parameters.as_ptr(), &raw mut out) })?;
        Ok(Self { handle: handle(out)?, _datasets: PhantomData })
    }

    /// Adds a dataset on which each round is measured. LightGBM checks that it has the same bins.
    pub(crate) fn add_validation(&mut self, dataset: &'a Bins) -> Result<()> {
        // SAFETY: the dataset outlives the model.
        check(unsafe { sys::LGBM_BoosterAddValidData(self.handle.as_ptr(), dataset.0.as_ptr()) })
    }

    /// Trains one round.
    pub(crate) fn update(&mut self) -> Result<()> {
        let mut finished = 0;
        // SAFETY: the model has its training dataset.
        check(unsafe { sys::LGBM_BoosterUpdateOneIter(self.handle.as_ptr(), &raw mut finished) })
    }

    /// Names of the metrics, in the order of `evaluate`.
    pub(crate) fn metrics(&mut self) -> Result<Vec<String>> {
        let mut count = 0;
        // SAFETY: one number is written.
        check(unsafe { sys::LGBM_BoosterGetEvalCounts(self.handle.as_ptr(), &raw mut count) })?;
        let mut names = vec![[0_u8; METRIC_NAME]; length(count)?];
        let mut pointers: Vec<*mut c_char> = names.iter_mut().map(|name| name.as_mut_ptr().cast()).collect();
        let (mut found, mut longest) = (0, 0);
        // SAFETY: `count` buffers of METRIC_NAME bytes; LightGBM cuts longer names and ends each with NUL.
        check(unsafe {
            sys::LGBM_BoosterGetEvalNames(
                self.handle.as_ptr(),
                count,
                &raw mut found,
                METRIC_NAME,
                &raw mut longest,
                pointers.as_mut_ptr(),
            )
        })?;
        let name = |bytes: &[u8; METRIC_NAME]| {
            CStr::from_bytes_until_nul(bytes).unwrap_or_default().to_string_lossy().into_owned()
        };
        Ok(names.iter().map(name).collect())
    }

    /// The metrics of a validation dataset, `metrics` of them.
    pub(crate) fn evaluate(&mut self, validation: usize, metrics: usize) -> Result<Vec<f64>> {
        // 0 is the training dataset.
        let index = int(validation + 1, "validation datasets")?;
        let (mut count, mut values) = (0, vec![0.0; metrics]);
        // SAFETY: LightGBM writes one number a name of `metrics`: the lists of both come from the same parameters.
        check(unsafe {
            sys::LGBM_BoosterGetEval(self.handle.as_ptr(), index, &raw mut count, values.as_mut_ptr())
        })?;
        Ok(values)
    }

    /// Number of rounds whose trees the model has.
    pub(crate) fn rounds(&mut self) -> Result<usize> {
        let mut rounds = 0;
        // SAFETY: one number is written.
        check(unsafe { sys::LGBM_BoosterGetCurrentIteration(self.handle.as_ptr(), &raw mut rounds) })?;
        length(rounds)
    }

    /// Predicts rows; the number of values a row depends on `output`. The matrix has the model's columns.
    pub(crate) fn predict(&mut self, matrix: Matrix<'_>, output: Output) -> Result<Vec<f64>> {
        let (rows, columns) = (int(matrix.rows()?, "rows")?, int(matrix.columns, "columns")?);
        let mut size = 0;
        // SAFETY: one number is written.
        check(unsafe {
            sys::LGBM_BoosterCalcNumPredict(self.handle.as_ptr(), rows, output as c_int, 0, -1, &raw mut size)
        })?;
        let mut values = vec![0.0; length(size)?];
        let mut written = 0;
        // SAFETY: the matrix is rows × columns, and the buffer has the size that LightGBM has just asked for.
        check(unsafe {
            sys::LGBM_BoosterPredictForMat(
                self.handle.as_ptr(),
                matrix.values.as_ptr().cast(),
                FLOAT32,
                rows,
                columns,
                ROW_MAJOR,
                output as c_int,
                0,
                -1,
                c"verbosity=0".as_ptr(),
                &raw mut written,
                values.as_mut_ptr(),
            )
        })?;
        if written != size {
            return Err(Error::internal(format!("LightGBM: predicted {written} values instead of {size}")));
        }
        Ok(values)
    }

    /// The model's text with the trees of the first rounds.
    pub(crate) fn save(&mut self, rounds: usize) -> Result<String> {
        let rounds = int(rounds, "rounds")?;
        self.string(|model, capacity, size, buffer| {
            // SAFETY: `string` passes a buffer of that capacity.
            unsafe { sys::LGBM_BoosterSaveModelToString(model, 0, rounds, 0, capacity, size, buffer) }
        })
    }

    /// The model's trees as JSON.
    pub(crate) fn json(&mut self) -> Result<String> {
        self.string(|model, capacity, size, buffer| {
            // SAFETY: `string` passes a buffer of that capacity.
            unsafe { sys::LGBM_BoosterDumpModel(model, 0, -1, 0, capacity, size, buffer) }
        })
    }

    /// One number a column: `kind` 0 counts splits, 1 adds their gains.
    pub(crate) fn importance(&mut self, kind: c_int, columns: usize) -> Result<Vec<f64>> {
        let mut found = 0;
        // SAFETY: one number is written.
        check(unsafe { sys::LGBM_BoosterGetNumFeature(self.handle.as_ptr(), &raw mut found) })?;
        if length(found)? != columns {
            return Err(Error::internal(format!(
                "LightGBM: the model has {found} columns instead of {columns}"
            )));
        }
        let mut values = vec![0.0; columns];
        // SAFETY: one number a column is written.
        check(unsafe {
            sys::LGBM_BoosterFeatureImportance(self.handle.as_ptr(), -1, kind, values.as_mut_ptr())
        })?;
        Ok(values)
    }

    /// Calls `write` for the size, then with a buffer of that size.
    fn string(&mut self, write: impl Fn(*mut c_void, i64, *mut i64, *mut c_char) -> c_int) -> Result<String> {
        let mut size = 0;
        check(write(self.handle.as_ptr(), 0, &raw mut size, ptr::null_mut()))?;
        let mut buffer = vec![0_u8; length(size)?];
        check(write(self.handle.as_ptr(), size, &raw mut size, buffer.as_mut_ptr().cast()))?;
        let text = CStr::from_bytes_until_nul(&buffer)
            .map_err(|error| Error::internal("LightGBM: a text has no end").caused_by(error))?;
        Ok(text.to_string_lossy().into_owned())
    }
}

impl Drop for Model<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is live and not used again.
        unsafe { sys::LGBM_BoosterFree(self.handle.as_ptr()) };
    }
}

/// LightGBM's parameters as JSON: `{"name": ["alias", …], …}`.
pub(crate) fn parameter_aliases() -> Result<String> {
    let mut size = 0;
    // SAFETY: a buffer of no bytes is not written.
    check(unsafe { sys::LGBM_DumpParamAliases(0, &raw mut size, ptr::null_mut()) })?;
    let mut buffer = vec![0_u8; length(size)?];
    // SAFETY: a buffer of `size` bytes.
    check(unsafe { sys::LGBM_DumpParamAliases(size, &raw mut size, buffer.as_mut_ptr().cast()) })?;
    buffer.pop();
    String::from_utf8(buffer)
        .map_err(|error| Error::internal("LightGBM: the list of parameters is not UTF-8").caused_by(error))
}
