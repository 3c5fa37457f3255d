//! A disk that can be filled.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

const BALLAST: &str = "ballast";

/// A small disk in memory, unmounted when this value is dropped.
pub(crate) struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts a disk of `size`, such as `8m`. Returns `None` without the right to mount.
    pub(crate) fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let options = format!("size={size}");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file of zeros until the disk is full.
    pub(crate) fn fill(&self) {
        let mut file = File::create(self.path().join(BALLAST)).expect("a file");
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    /// Removes that file.
    pub(crate) fn make_room(&self) {
        std::fs::remove_file(self.path().join(BALLAST)).expect("a full disk");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
