//! Table operators.

#![allow(unsafe_code)]

use super::{entries, low};
use crate::const_expr::evaluate;
use crate::instance::{InstanceData, drop_segment};
use crate::table::TableData;
use engine_decoder::{ElemIndex, ElementItems, TableIndex};
use engine_machine::TrapCode;

entries! {
    /// `table.get`.
    fn get(runtime, table, index) {
        Ok(runtime.instance().tables[table as usize].as_ref().get(low(index))?)
    }

    /// `table.set`.
    fn set(runtime, table, index, value) {
        let mut table = runtime.instance().tables[table as usize];
        table.as_mut().fill(low(index), 1, value)?;
        Ok(0)
    }

    /// `table.grow`.
    fn grow(runtime, table, value, delta) {
        let table = runtime.instance().tables[table as usize];
        Ok(TableData::grow(runtime.store, table, low(delta), value)?.unwrap_or(u64::MAX))
    }

    /// `table.fill`.
    fn fill(runtime, table, index, value, length) {
        let mut table = runtime.instance().tables[table as usize];
        table.as_mut().fill(low(index), low(length), value)?;
        Ok(0)
    }

    /// `table.copy`.
    fn copy(runtime, destination_table, source_table, destination, source, length) {
        let tables = &runtime.instance().tables;
        let (to, from) = (tables[destination_table as usize], tables[source_table as usize]);
        TableData::copy(to, from, low(destination), low(source), low(length))?;
        Ok(0)
    }

    /// `table.init`.
    fn init(runtime, table, segment, destination, source, length) {
        let instance = runtime.instance();
        let (table, segment) = (TableIndex(table as u32), ElemIndex(segment as u32));
        let (to, from, length) = (low(destination), low(source), low(length));
        if instance.element_segment_is_dropped(segment) {
            if from + length > 0 {
                return Err(TrapCode::TableOutOfBounds.into());
            }
            // Nothing of the segment is left to copy, but the destination is checked all the same.
            let mut table = instance.tables[table.index()];
            table.as_mut().fill(to, 0, 0)?;
            return Ok(0);
        }
        init_table(instance, table, segment, to, from, length)?;
        Ok(0)
    }

    /// `elem.drop`.
    fn elem_drop(runtime, segment) {
        drop_segment(&mut (*runtime.instance.as_ptr()).dropped_elements, segment as usize);
        Ok(0)
    }
}

/// Copies a part of an element segment into a table, whether or not the segment has been dropped.
///
/// # Safety
/// The instance's functions and globals are in place, and nothing refers to the table.
pub(crate) unsafe fn init_table(
    instance: &InstanceData,
    table: TableIndex,
    segment: ElemIndex,
    to: u64,
    from: u64,
    count: u64,
) -> Result<(), TrapCode> {
    let items = &instance.module.decoded().module.elements[segment.index()].items;
    let end = from.checked_add(count).filter(|end| *end <= items.len() as u64);
    let end = end.ok_or(TrapCode::TableOutOfBounds)?;
    let range = from as usize..end as usize;
    let mut table = instance.tables[table.index()];
    // SAFETY: by contract; validation has checked that the segment's type is the table's.
    unsafe {
        match items {
            ElementItems::Functions(funcs) => {
                let words = funcs[range].iter().map(|&func| instance.func_ref(func).as_ptr() as u64);
                table.as_mut().init(to, count, words)
            }
            ElementItems::Expressions(exprs) => {
                let words = exprs[range].iter().map(|expr| evaluate(instance, expr).externref);
                table.as_mut().init(to, count, words)
            }
        }
    }
}
