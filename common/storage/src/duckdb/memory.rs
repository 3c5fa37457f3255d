//! What the C library's allocator keeps: it serves DuckDB, which allocates and frees a lot from changing threads.
#![allow(unsafe_code)]

/// Makes all threads allocate from one arena. By default every thread may get its own, and what one has freed stays with
/// it: a long run's memory would creep up with the number of threads that ever ran a statement.
pub(super) fn use_one_arena() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: sets a parameter of the allocator, and touches no memory of ours.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Gives free memory back to the system.
pub(super) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the allocator returns pages that nobody has; what is allocated stays where it is.
    unsafe {
        libc::malloc_trim(0);
    }
}
