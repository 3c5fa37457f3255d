//! Settings of glibc's allocator that limit how much freed memory it retains. No effect on other systems.
#![allow(unsafe_code)]

/// Makes all threads allocate from one arena. It must be called before the program starts a thread.
///
/// By default threads get their own arenas, which retain freed memory, so that the memory of a long run grows with the
/// number of threads that have ever run a statement.
pub fn use_one_arena() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `mallopt` sets a parameter of the allocator and has no other preconditions.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Returns free memory to the operating system.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `malloc_trim` releases only free pages.
    unsafe {
        libc::malloc_trim(0);
    }
}
