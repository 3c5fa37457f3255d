//! The functions of LightGBM's C interface that this crate calls, as `c_api.h` of LightGBM 4.7.0 declares them, and
//! those of OpenMP.
#![allow(unsafe_code)] // Foreign functions.
#![allow(non_snake_case)] // Their names.

use std::ffi::{c_char, c_int, c_void};

/// A handle of a dataset or a booster.
pub(crate) type Handle = *mut c_void;

#[link(name = "gomp")]
unsafe extern "C" {
    pub(crate) fn omp_get_max_threads() -> c_int;
    pub(crate) fn omp_set_num_threads(threads: c_int);
}

#[link(name = "_lightgbm")]
unsafe extern "C" {
    pub(crate) fn LGBM_GetLastError() -> *const c_char;
    pub(crate) fn LGBM_RegisterLogCallback(callback: Option<extern "C" fn(*const c_char)>) -> c_int;
    pub(crate) fn LGBM_DumpParamAliases(buffer_len: i64, out_len: *mut i64, out_str: *mut c_char) -> c_int;

    pub(crate) fn LGBM_DatasetCreateFromMat(
        data: *const c_void,
        data_type: c_int,
        nrow: i32,
        ncol: i32,
        is_row_major: c_int,
        parameters: *const c_char,
        reference: Handle,
        out: *mut Handle,
    ) -> c_int;
    pub(crate) fn LGBM_DatasetSetField(
        handle: Handle,
        field_name: *const c_char,
        field_data: *const c_void,
        num_element: c_int,
        field_type: c_int,
    ) -> c_int;
    pub(crate) fn LGBM_DatasetSetFeatureNames(
        handle: Handle,
        feature_names: *mut *const c_char,
        num_feature_names: c_int,
    ) -> c_int;
    pub(crate) fn LGBM_DatasetFree(handle: Handle) -> c_int;

    pub(crate) fn LGBM_BoosterCreate(
        train_data: Handle,
        parameters: *const c_char,
        out: *mut Handle,
    ) -> c_int;
    pub(crate) fn LGBM_BoosterLoadModelFromString(
        model_str: *const c_char,
        out_num_iterations: *mut c_int,
        out: *mut Handle,
    ) -> c_int;
    pub(crate) fn LGBM_BoosterFree(handle: Handle) -> c_int;
    pub(crate) fn LGBM_BoosterAddValidData(handle: Handle, valid_data: Handle) -> c_int;
    pub(crate) fn LGBM_BoosterUpdateOneIter(handle: Handle, produced_empty_tree: *mut c_int) -> c_int;
    pub(crate) fn LGBM_BoosterGetEvalCounts(handle: Handle, out_len: *mut c_int) -> c_int;
    pub(crate) fn LGBM_BoosterGetEvalNames(
        handle: Handle,
        len: c_int,
        out_len: *mut c_int,
        buffer_len: usize,
        out_buffer_len: *mut usize,
        out_strs: *mut *mut c_char,
    ) -> c_int;
    pub(crate) fn LGBM_BoosterGetEval(
        handle: Handle,
        data_idx: c_int,
        out_len: *mut c_int,
        out_results: *mut f64,
    ) -> c_int;
    pub(crate) fn LGBM_BoosterGetCurrentIteration(handle: Handle, out_iteration: *mut c_int) -> c_int;
    pub(crate) fn LGBM_BoosterGetNumFeature(handle: Handle, out_len: *mut c_int) -> c_int;
    pub(crate) fn LGBM_BoosterFeatureImportance(
        handle: Handle,
        num_iteration: c_int,
        importance_type: c_int,
        out_results: *mut f64,
    ) -> c_int;
    pub(crate) fn LGBM_BoosterCalcNumPredict(
        handle: Handle,
        num_row: c_int,
        predict_type: c_int,
        start_iteration: c_int,
        num_iteration: c_int,
        out_len: *mut i64,
    ) -> c_int;
    pub(crate) fn LGBM_BoosterPredictForMat(
        handle: Handle,
        data: *const c_void,
        data_type: c_int,
        nrow: i32,
        ncol: i32,
        is_row_major: c_int,
        predict_type: c_int,
        start_iteration: c_int,
        num_iteration: c_int,
        parameter: *const c_char,
        out_len: *mut i64,
        out_result: *mut f64,
    ) -> c_int;
    pub(crate) fn LGBM_BoosterSaveModelToString(
        handle: Handle,
        start_iteration: c_int,
        num_iteration: c_int,
        feature_importance_type: c_int,
        buffer_len: i64,
        out_len: *mut i64,
        out_str: *mut c_char,
    ) -> c_int;
    pub(crate) fn LGBM_BoosterDumpModel(
        handle: Handle,
        start_iteration: c_int,
        num_iteration: c_int,
        feature_importance_type: c_int,
        buffer_len: i64,
        out_len: *mut i64,
        out_str: *mut c_char,
    ) -> c_int;
}
