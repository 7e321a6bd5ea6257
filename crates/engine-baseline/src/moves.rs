//! Parallel moves: many values to many registers as if at once.

use crate::generator::Generator;
use engine_decoder::ValKind;
use engine_machine::masm::Masm;
use engine_machine::{Reg, RegSet};

/// Where a moved value comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    Reg(Reg),
    Frame(i32),
    Const(i32),
}

/// One move of a parallel move.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move {
    pub kind: ValKind,
    pub to: Reg,
    pub from: Source,
}

impl<M: Masm> Generator<'_, M> {
    /// Performs the collected moves. Targets are distinct.
    pub fn run_moves(&mut self) {
        let mut moves = core::mem::take(&mut self.moves);
        // Registers first, in an order in which no target is still to be read; whatever is left are cycles, each
        // opened by saving one register in the scratch register of its class.
        let mut pending: RegSet = RegSet::EMPTY;
        let mut reads = [0u8; 64];
        for item in &moves {
            if let Source::Reg(from) = item.from
                && from != item.to
            {
                pending.insert(item.to);
                reads[from.index()] += 1;
            }
        }
        while !pending.is_empty() {
            let mut progressed = false;
            for item in &moves {
                let Source::Reg(from) = item.from else { continue };
                if pending.contains(item.to) && reads[item.to.index()] == 0 {
                    self.masm.mov(item.kind, item.to, from);
                    pending.remove(item.to);
                    reads[from.index()] -= 1;
                    progressed = true;
                }
            }
            if progressed {
                continue;
            }
            let blocked = pending.first().expect("not empty");
            // The whole register is saved: as 64 bits, which is enough for all kinds but vectors.
            let kind = if blocked.is_fpr() { ValKind::F64 } else { ValKind::I64 };
            let scratch = Self::scratch(kind);
            self.masm.mov(kind, scratch, blocked);
            for item in &mut moves {
                if item.from == Source::Reg(blocked) && pending.contains(item.to) {
                    item.from = Source::Reg(scratch);
                    reads[blocked.index()] -= 1;
                    reads[scratch.index()] += 1;
                }
            }
        }
        for item in &moves {
            match item.from {
                Source::Reg(_) => {}
                Source::Frame(offset) => self.masm.load_frame(item.kind, item.to, offset),
                Source::Const(constant) => self.load_const(item.kind, item.to, constant),
            }
        }
        moves.clear();
        self.moves = moves;
    }
}
