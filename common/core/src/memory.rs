//! What the C library's allocator keeps of what was freed.
#![allow(unsafe_code)]

/// Makes all threads allocate from one arena; for the first line of a program, before it has threads. By default every
/// thread may get an arena of its own, and what it has freed stays there: a long run's memory would creep up with the
/// number of threads that ever ran a statement.
pub fn use_one_arena() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: sets a parameter of the allocator, and touches no memory of ours.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Gives free memory back to the system.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the allocator returns pages that nobody has; what is allocated stays where it is.
    unsafe {
        libc::malloc_trim(0);
    }
}
