//! The pass `ranges`: indices that cannot be out of bounds are not compared with a memory's length.
//!
//! A memory is never smaller than it begins, so an index is in bounds if its largest possible value is: that of a mask, of a byte that was
//! loaded, or of sums and products of such. No state is looked at, so this holds under misspeculation too.

use crate::ir::*;
use engine_decoder::{MemoryType, ValKind};
use engine_machine::ModuleEnv;
use engine_machine::masm::Load;

/// How deep operands are looked at: a value takes at most two to the power of this steps.
const MAX_DEPTH: u32 = 4;

/// Replaces checks by their indices.
pub(crate) fn run(graph: &mut Graph, env: &ModuleEnv) {
    let mut changed = false;
    for at in 0..graph.layout.len() {
        let (from, to) = graph.block(graph.layout[at]).insts;
        for i in from..to {
            let value = graph.order[i as usize];
            if graph.inst(value).op != Op::IndexCheck {
                continue;
            }
            let inst = graph.resolved(value);
            let minimum = env.module.memories[inst.args[1] as usize].minimum;
            if largest(graph, inst.a(), MAX_DEPTH) <= minimum.saturating_mul(MemoryType::PAGE_SIZE) {
                graph.replace(value, inst.a());
                changed = true;
            }
        }
    }
    if changed {
        graph.drop_replaced();
    }
}

/// The largest value, without a sign, that an integer may have.
fn largest(graph: &mut Graph, value: Value, depth: u32) -> u64 {
    let all = if graph.kind(value) == ValKind::I32 { u64::from(u32::MAX) } else { u64::MAX };
    if depth == 0 {
        return all;
    }
    let value = graph.resolve(value);
    let inst = graph.resolved(value);
    let mut of = |operand: Value| largest(graph, operand, depth - 1);
    let found = match inst.op {
        Op::Const => Some(inst.bits()),
        Op::Compare | Op::FloatCompare => Some(1),
        Op::Clz | Op::Ctz | Op::Popcnt => Some(64),
        Op::And => Some(of(inst.a()).min(of(inst.b()))),
        Op::Or | Op::Xor => Some(ones(of(inst.a()) | of(inst.b()))),
        Op::Add => of(inst.a()).checked_add(of(inst.b())),
        Op::Mul => of(inst.a()).checked_mul(of(inst.b())),
        Op::Select => Some(of(inst.a()).max(of(inst.b()))),
        Op::ExtendU => Some(of(inst.a())),
        Op::Wrap => Some(of(inst.a())),
        Op::Shl | Op::ShrU => {
            let count =
                graph.as_const(inst.b()).map(|count| count as u32 & if all == u64::MAX { 63 } else { 31 });
            let largest = largest(graph, inst.a(), depth - 1);
            match (inst.op, count) {
                (Op::ShrU, count) => Some(largest >> count.unwrap_or(0)),
                (_, Some(count)) if largest.leading_zeros() >= count => Some(largest << count),
                _ => None,
            }
        }
        Op::Load => match load_of(inst.aux) {
            Load::I32U8 | Load::I64U8 => Some(0xff),
            Load::I32U16 | Load::I64U16 => Some(0xffff),
            _ => None,
        },
        _ => None,
    };
    // What is larger than the kind holds was cut off, and may be anything.
    found.filter(|&found| found <= all).unwrap_or(all)
}

/// The smallest number of ones, in binary, that is not less.
fn ones(value: u64) -> u64 {
    u64::MAX.checked_shr(value.leading_zeros()).unwrap_or(0)
}
