//! The functions of XGBoost's C interface that this crate calls, as `c_api.h` of XGBoost 3.2.0 declares them, and the
//! conditions under which the calls are sound.
//!
//! XGBoost reports failures as a status and a message of the calling thread, and never throws through the interface.
//! What it takes for granted, and each caller here ensures: handles are live, pointers are valid for the sizes passed
//! with them, texts end with NUL, and one booster is used by one thread at a time (`&mut`).
#![allow(unsafe_code)] // The foreign interface.
#![allow(non_snake_case)] // The names of its functions.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use common_core::{Error, Result};
use libloading::Library;

type Handle = *mut c_void;

/// Version whose interface is called: minor versions only add functions.
const MAJOR: c_int = 3;

/// Declares the functions, and loads them by their names.
macro_rules! functions {
    ($($name:ident($($argument:ty),*) -> $result:ty;)*) => {
        /// The functions of a loaded library.
        pub(crate) struct Functions {
            $($name: unsafe extern "C" fn($($argument),*) -> $result,)*
            /// Keeps the functions in memory.
            _library: Library,
            _openmp: Option<Library>,
        }

        impl Functions {
            /// # Safety
            /// `library` is XGBoost.
            unsafe fn of(library: Library, openmp: Option<Library>) -> std::result::Result<Self, libloading::Error> {
                // SAFETY: the types are those of the declarations.
                $(let $name = unsafe {
                    *library.get::<unsafe extern "C" fn($($argument),*) -> $result>(
                        concat!(stringify!($name), "\0").as_bytes(),
                    )?
                };)*
                Ok(Self { $($name,)* _library: library, _openmp: openmp })
            }
        }
    };
}

functions! {
    XGBoostVersion(*mut c_int, *mut c_int, *mut c_int) -> ();
    XGBGetLastError() -> *const c_char;
    // Values, rows, columns, the value that is missing, result.
    XGDMatrixCreateFromMat(*const f32, u64, u64, f32, *mut Handle) -> c_int;
    // Matrix, name of the field, values, their number.
    XGDMatrixSetFloatInfo(Handle, *const c_char, *const f32, u64) -> c_int;
    XGDMatrixFree(Handle) -> c_int;
    // Matrices, their number, result.
    XGBoosterCreate(*const Handle, u64, *mut Handle) -> c_int;
    XGBoosterSetParam(Handle, *const c_char, *const c_char) -> c_int;
    // Booster, number of the round, matrix.
    XGBoosterUpdateOneIter(Handle, c_int, Handle) -> c_int;
    // Booster, matrix, options as JSON, lengths of the dimensions, their number, predictions.
    XGBoosterPredictFromDMatrix(Handle, Handle, *const c_char, *mut *const u64, *mut u64, *mut *const f32) -> c_int;
    XGBoosterFree(Handle) -> c_int;
}

impl Functions {
    /// Loads `libxgboost.so` of `folder`, and before it the OpenMP library that it was built with, if it is there.
    ///
    /// # Errors
    /// `NotFound` if the library is missing; `InvalidInput` if it cannot be loaded or is of another version.
    pub(crate) fn load(folder: &Path) -> Result<Arc<Self>> {
        let path = folder.join("libxgboost.so");
        if !path.exists() {
            return Err(Error::not_found(format!(
                "no XGBoost library at {}: run scripts/setup --xgboost",
                path.display()
            )));
        }
        let refused = |error: libloading::Error| {
            Error::invalid_input(format!("invalid XGBoost library {:?}: {error}", path.display()))
        };
        // XGBoost looks for it by its name, which a loaded library already has.
        let openmp = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .find(|entry| entry.file_name().to_string_lossy().starts_with("libgomp"))
            // SAFETY: GNU's OpenMP has no initialisers with conditions.
            .map(|entry| unsafe { Library::new(entry.path()) })
            .transpose()
            .map_err(refused)?;
        // SAFETY: XGBoost's initialisers have no conditions. What the file contains is the caller's choice, as with every
        // library that a program is linked to.
        let functions = unsafe { Library::new(&path).and_then(|library| Self::of(library, openmp)) };
        let functions = functions.map_err(refused)?;
        let (mut major, mut minor, mut fix) = (0, 0, 0);
        // SAFETY: the pointers are valid.
        unsafe { (functions.XGBoostVersion)(&raw mut major, &raw mut minor, &raw mut fix) };
        if major != MAJOR {
            return Err(Error::invalid_input(format!(
                "invalid XGBoost library {:?}: expected version {MAJOR}, found {major}.{minor}.{fix}",
                path.display()
            )));
        }
        Ok(Arc::new(functions))
    }

    /// Turns a status into a `Result`. It must be called by the thread of the failed call, before its next one.
    fn check(&self, status: c_int) -> Result<()> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: the message is a buffer of this thread that ends with NUL.
        let message = unsafe { CStr::from_ptr((self.XGBGetLastError)()) }.to_string_lossy().into_owned();
        // Only the first line says what is wrong; a stack trace follows.
        let message = message.lines().find(|line| !line.is_empty()).unwrap_or("unknown error");
        Err(Error::invalid_input(format!("XGBoost: {}", message.trim())))
    }
}

/// A pointer that a successful call has set.
fn handle(pointer: Handle) -> Result<NonNull<c_void>> {
    NonNull::new(pointer).ok_or_else(|| Error::internal("XGBoost: a call succeeded without a result"))
}

fn text(value: &str) -> Result<CString> {
    CString::new(value)
        .map_err(|_| Error::invalid_input(format!("invalid parameter {value:?}: expected no NUL")))
}

/// Dense rows, copied.
pub(crate) struct DenseMatrix {
    functions: Arc<Functions>,
    handle: NonNull<c_void>,
    rows: usize,
}

impl DenseMatrix {
    /// Copies `values`, whole rows of `columns` values. NaN is missing.
    pub(crate) fn new(functions: &Arc<Functions>, values: &[f32], columns: usize) -> Result<Self> {
        let rows = values.len() / columns;
        let mut out = ptr::null_mut();
        // SAFETY: there are `rows * columns` values; they are copied.
        functions.check(unsafe {
            (functions.XGDMatrixCreateFromMat)(
                values.as_ptr(),
                rows as u64,
                columns as u64,
                f32::NAN,
                &raw mut out,
            )
        })?;
        Ok(Self { functions: Arc::clone(functions), handle: handle(out)?, rows })
    }

    /// Sets a number for each row.
    pub(crate) fn set(&mut self, field: &CStr, values: &[f32]) -> Result<()> {
        // SAFETY: the handle is live, the values are as many as said, and are copied.
        self.functions.check(unsafe {
            (self.functions.XGDMatrixSetFloatInfo)(
                self.handle.as_ptr(),
                field.as_ptr(),
                values.as_ptr(),
                values.len() as u64,
            )
        })
    }
}

impl Drop for DenseMatrix {
    fn drop(&mut self) {
        // SAFETY: the handle is live, and boosters keep what they need of a matrix.
        unsafe { (self.functions.XGDMatrixFree)(self.handle.as_ptr()) };
    }
}

/// A booster.
pub(crate) struct Trees {
    functions: Arc<Functions>,
    handle: NonNull<c_void>,
}

// SAFETY: a booster has no tie to a thread, and every call takes `&mut`.
unsafe impl Send for Trees {}

impl Trees {
    pub(crate) fn new(training: &DenseMatrix, parameters: &[(&str, String)]) -> Result<Self> {
        let functions = &training.functions;
        let (matrices, mut out) = ([training.handle.as_ptr()], ptr::null_mut());
        // SAFETY: one live handle is passed.
        functions.check(unsafe { (functions.XGBoosterCreate)(matrices.as_ptr(), 1, &raw mut out) })?;
        let trees = Self { functions: Arc::clone(functions), handle: handle(out)? };
        for (name, value) in parameters {
            let (name, value) = (text(name)?, text(value)?);
            // SAFETY: the handle is live and the texts end with NUL.
            functions.check(unsafe {
                (functions.XGBoosterSetParam)(trees.handle.as_ptr(), name.as_ptr(), value.as_ptr())
            })?;
        }
        Ok(trees)
    }

    /// Adds a tree.
    pub(crate) fn update(&mut self, round: u32, training: &DenseMatrix) -> Result<()> {
        let round = c_int::try_from(round)
            .map_err(|_| Error::invalid_input(format!("invalid round {round}: expected less")))?;
        // SAFETY: both handles are live.
        self.functions.check(unsafe {
            (self.functions.XGBoosterUpdateOneIter)(self.handle.as_ptr(), round, training.handle.as_ptr())
        })
    }

    /// A prediction for each row.
    pub(crate) fn predict(&mut self, rows: &DenseMatrix) -> Result<Vec<f32>> {
        const OPTIONS: &CStr =
            c"{\"type\":0,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,\"strict_shape\":false}";
        let (mut shape, mut dimensions, mut values) = (ptr::null(), 0, ptr::null());
        // SAFETY: both handles are live; the results are buffers of the booster until the next call.
        self.functions.check(unsafe {
            (self.functions.XGBoosterPredictFromDMatrix)(
                self.handle.as_ptr(),
                rows.handle.as_ptr(),
                OPTIONS.as_ptr(),
                &raw mut shape,
                &raw mut dimensions,
                &raw mut values,
            )
        })?;
        if shape.is_null() || values.is_null() {
            return Err(Error::internal("XGBoost: a prediction has no values"));
        }
        // SAFETY: `shape` has `dimensions` lengths, and `values` their product.
        let values = unsafe {
            let shape = std::slice::from_raw_parts(shape, usize::try_from(dimensions).unwrap_or(0));
            let length = usize::try_from(shape.iter().product::<u64>()).unwrap_or(0);
            std::slice::from_raw_parts(values, length)
        };
        if values.len() != rows.rows {
            let found = values.len();
            return Err(Error::internal(format!(
                "XGBoost: expected {} predictions, found {found}",
                rows.rows
            )));
        }
        Ok(values.to_vec())
    }
}

impl Drop for Trees {
    fn drop(&mut self) {
        // SAFETY: the handle is live.
        unsafe { (self.functions.XGBoosterFree)(self.handle.as_ptr()) };
    }
}
