//! The graph as text.

use crate::ir::*;
use crate::schedule::Schedule;
use core::fmt::{self, Write as _};

impl Graph {
    /// All blocks in order, each with its pinned instructions, or with all that were placed in it if there is a schedule.
    pub fn text(&self, schedule: Option<&Schedule>) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text, schedule);
        text
    }

    fn write(&self, out: &mut String, schedule: Option<&Schedule>) -> fmt::Result {
        for &block in &self.layout {
            let data = self.block(block);
            write!(out, "{block:?}")?;
            for (i, &param) in
                data.params.iter().filter(|param| self.inst(**param).op == Op::Param).enumerate()
            {
                write!(out, "{}{param:?}: {:?}", if i == 0 { "(" } else { ", " }, self.kind(param))?;
                if self.arguments(param).len() == data.preds.len() {
                    write!(out, " = {:?}", self.arguments(param))?;
                }
            }
            let params = data.params.iter().any(|param| self.inst(*param).op == Op::Param);
            writeln!(out, "{}:    ; depth {}", if params { ")" } else { "" }, self.depth(block))?;
            let values = match schedule {
                Some(schedule) => {
                    let (from, to) = schedule.ranges[block.index()];
                    &schedule.seq[from as usize..to as usize]
                }
                None => &self.order[data.insts.0 as usize..data.insts.1 as usize],
            };
            for &value in values {
                self.write_inst(out, value)?;
            }
            match data.term {
                Term::None => writeln!(out, "    ?")?,
                Term::Jump(edge) => writeln!(out, "    jump {:?}", self.target(edge))?,
                Term::Branch(condition, yes, no) => {
                    writeln!(out, "    branch {condition:?} {:?} {:?}", self.target(yes), self.target(no))?;
                }
                Term::Table { index, first, count, .. } => {
                    let edges = &self.table_edges[first as usize..=(first + count) as usize];
                    let targets: Vec<Block> = edges.iter().map(|&edge| self.target(edge)).collect();
                    writeln!(out, "    table {index:?} {targets:?}")?;
                }
                Term::Return { first, count } => {
                    writeln!(out, "    return {:?}", &self.pool[first as usize..(first + count) as usize])?;
                }
                Term::Trap(code) => writeln!(out, "    trap {code:?}")?,
            }
        }
        Ok(())
    }

    fn write_inst(&self, out: &mut String, value: Value) -> fmt::Result {
        let inst = self.inst(value);
        write!(out, "    ")?;
        if inst.op.has_result() {
            write!(out, "{value:?}: {:?} = ", inst.kind)?;
        }
        write!(out, "{:?}", inst.op)?;
        match inst.op {
            Op::Compare => write!(out, " {:?}", cond(inst.aux))?,
            Op::FloatCompare => write!(out, " {:?}", float_cond(inst.aux))?,
            Op::FloatBinary => write!(out, " {:?}", float_binary(inst.aux))?,
            Op::Load => write!(out, " {:?}", load_of(inst.aux))?,
            Op::Store => write!(out, " {:?}", store_of(inst.aux))?,
            Op::Convert | Op::TrapConvert => write!(out, " {:?}", conversion(inst.aux))?,
            Op::Call => {
                let CallData { callee, first, count, .. } = self.calls[inst.args[0] as usize];
                write!(out, " {callee:?} {:?}", &self.pool[first as usize..(first + count) as usize])?;
            }
            _ => {}
        }
        let mask = inst.op.value_mask();
        for (i, &word) in inst.args.iter().enumerate() {
            let operand = Value(word);
            if mask >> i & 1 == 0 {
                if word != 0 && !matches!(inst.op, Op::Call | Op::Const) {
                    write!(out, " #{:#x}", word)?;
                }
            } else {
                out.push(' ');
                self.write_operand(out, operand)?;
            }
        }
        writeln!(out)
    }

    /// Constants and addresses are shown where they are used.
    fn write_operand(&self, out: &mut String, value: Value) -> fmt::Result {
        if value.is_none() {
            return write!(out, "-");
        }
        let inst = self.inst(value);
        match inst.op {
            Op::Const if inst.kind.is_float() => write!(out, "{:#x}", inst.bits()),
            Op::Const => write!(
                out,
                "{}",
                if inst.size() == engine_machine::masm::Size::S32 {
                    i64::from(inst.bits() as i32)
                } else {
                    inst.bits() as i64
                }
            ),
            Op::Base => write!(out, "memory"),
            Op::Address => {
                write!(out, "[")?;
                self.write_operand(out, inst.a())?;
                if !inst.b().is_none() {
                    write!(out, " + {:?}", inst.b())?;
                }
                write!(out, " + {:#x}]", inst.args[2])
            }
            _ => write!(out, "{value:?}"),
        }
    }
}
