//! A small file system in memory, to be filled up.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

/// A mounted tmpfs; unmounted when dropped.
pub struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Mounts `megabytes` at `folder`. Needs the right to mount.
    pub fn mount(folder: &Path, megabytes: u32) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let size = format!("size={megabytes}m,mode=755");
        let output = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).output()?;
        ensure!(output.status.success(), "cannot mount a tmpfs: {}", String::from_utf8_lossy(&output.stderr));
        Ok(Self { folder: folder.to_owned() })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes all room that is left.
    pub fn fill(&self) -> Result<()> {
        let mut file = fs::File::create(self.filler())?;
        let chunk = vec![0; 64 << 10];
        while file.write_all(&chunk).is_ok() {}
        while file.write_all(&[0]).is_ok() {}
        Ok(())
    }

    /// Gives the room back.
    pub fn free(&self) -> Result<()> {
        fs::remove_file(self.filler()).context("the disk was not filled")
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever wrote there may take a moment to end.
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).output();
    }
}
