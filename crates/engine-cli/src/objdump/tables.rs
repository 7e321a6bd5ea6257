//! Branch tables in code: words after an indirect jump, each the distance from its own end to a branch target.

use super::listing::{Instruction, TARGET};
use std::collections::BTreeSet;

/// Bytes of an entry.
const ENTRY: u32 = 4;

/// The entries of a table that begins at `start`, given everything before it. How many there are stands nowhere: a table ends at the
/// first place that anything branches to, its own entries included, or at a word that leads nowhere.
pub(super) fn entries(code: &[u8], start: u32, before: &[Instruction]) -> Vec<Instruction> {
    let starts: BTreeSet<u32> = before.iter().map(|instruction| instruction.offset).collect();
    let forward = before.iter().filter_map(|instruction| instruction.target).filter(|target| *target > start);
    let mut end = forward.min().unwrap_or(code.len() as u32);
    let mut entries = Vec::new();
    let mut offset = start;
    while offset + ENTRY <= end {
        let Some(Ok(word)) =
            code.get(offset as usize..).and_then(|rest| rest.get(..4)).map(<[u8; 4]>::try_from)
        else {
            break;
        };
        let target = i64::from(offset + ENTRY) + i64::from(i32::from_le_bytes(word));
        let Ok(target) = u32::try_from(target) else { break };
        let leads_somewhere =
            if target < start { starts.contains(&target) } else { (target as usize) < code.len() };
        if !leads_somewhere {
            break;
        }
        if target > offset {
            end = end.min(target);
        }
        entries.push(Instruction {
            offset,
            length: ENTRY,
            target: Some(target),
            text: format!(".branch {TARGET}"),
        });
        offset += ENTRY;
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_ends_where_its_entries_lead() {
        // Three entries for 16, 12 and 16, then code.
        let code: Vec<u8> = [12i32, 4, 4, 0x90, 0x90].iter().flat_map(|word| word.to_le_bytes()).collect();
        let targets: Vec<_> = entries(&code, 0, &[]).iter().map(|entry| entry.target).collect();
        assert_eq!(targets, [Some(16), Some(12), Some(16)]);
    }
}
