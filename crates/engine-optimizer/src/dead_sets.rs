//! The pass `dead-sets`: assignments to globals that nobody can see.
//!
//! An instance can be looked at whenever its code may be left: in a call, and after a trap. So an assignment goes only if the next one to the
//! same global comes before anything that may trap, call, poll or read the global. Imported globals may be one and the same, and stay.

use crate::ir::*;
use engine_decoder::GlobalIndex;
use engine_machine::{ModuleEnv, Place};

/// Assignments that are remembered at a time.
const MAX_OPEN: usize = 4;

/// Removes them.
pub(crate) fn run(graph: &mut Graph, env: &ModuleEnv) {
    // From the last instruction to the first: the globals whose values are overwritten before anybody looks.
    let mut overwritten: Vec<u32> = Vec::with_capacity(MAX_OPEN);
    for at in 0..graph.layout.len() {
        let (from, to) = graph.block(graph.layout[at]).insts;
        overwritten.clear();
        for i in (from..to).rev() {
            let value = graph.order[i as usize];
            let inst = graph.inst(value);
            let global = inst.args[0];
            match inst.op {
                Op::GlobalSet if overwritten.contains(&global) => {
                    graph.insts[value.index()] = Inst::new(Op::Nop, inst.kind, 0, [0; 3]);
                }
                Op::GlobalSet => {
                    let own = matches!(env.layout.global(GlobalIndex(global)), Place::Inline(_));
                    if own && overwritten.len() < MAX_OPEN {
                        overwritten.push(global);
                    }
                }
                Op::GlobalGet => overwritten.retain(|&other| other != global),
                op if op.is_barrier() => overwritten.clear(),
                _ => {}
            }
        }
    }
}
