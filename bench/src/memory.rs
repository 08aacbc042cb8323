//! Memory of a server and its children.

use std::{fs, io};

/// The proportional set size of a process and its descendants in KiB, and the number of processes.
///
/// A page shared by several processes is divided among them. Kernel memory of processes and sockets
/// is not included.
///
/// # Errors
///
/// A process exited during the sample, or /proc cannot be read.
pub fn memory(root: u32) -> io::Result<(u64, usize)> {
    let family = family(root)?;
    let mut sum = 0;
    for id in &family {
        let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup"))?;
        sum += text
            .lines()
            .find_map(|line| line.strip_prefix("Pss:")?.strip_suffix("kB"))
            .and_then(|size| size.trim().parse::<u64>().ok())
            .ok_or_else(|| io::Error::other(format!("no size of process {id}")))?;
    }
    Ok((sum, family.len()))
}

/// The sum of the peak resident set sizes of a process and its descendants, in KiB.
///
/// # Errors
///
/// /proc cannot be read. Processes that exit meanwhile are not counted.
pub fn peak_memory(root: u32) -> io::Result<u64> {
    let peak = |id| {
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    };
    Ok(family(root)?.into_iter().filter_map(peak).sum())
}

/// The process and its descendants.
fn family(root: u32) -> io::Result<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let name = entry.file_name();
        let id = name.to_str().and_then(|name| name.parse::<u32>().ok());
        // Other processes may exit while the folder is read.
        let stat = fs::read_to_string(entry.path().join("stat"));
        if let (Some(id), Some(parent)) = (id, stat.ok().as_deref().and_then(parent)) {
            parents.push((id, parent));
        }
    }
    let mut family = vec![root];
    let mut asked = 0;
    while let Some(&elder) = family.get(asked) {
        asked += 1;
        family.extend(
            parents
                .iter()
                .filter(|pair| pair.1 == elder)
                .map(|pair| pair.0),
        );
    }
    Ok(family)
}

/// The parent in a line of /proc/ID/stat. The name before it may contain blanks and brackets.
fn parent(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parent;

    #[test]
    fn brackets_in_the_name_do_not_hide_the_parent() {
        assert_eq!(parent("7 (a) b (c)) S 3 7 0"), Some(3));
        assert_eq!(parent("7 (cat) S"), None);
    }
}
