//! The dominator tree.

use crate::ir::*;

/// Immediate dominators and depths, by block. Of reachable blocks only.
#[derive(Default)]
pub(crate) struct Dominators {
    idom: Vec<Block>,
    depth: Vec<u32>,
}

/// Steps that a search for a common dominator may take: then the entry, which dominates everything, is good enough.
const MAX_STEPS: u32 = 512;

impl Dominators {
    /// One pass over the layout is enough: all predecessors of a block but those that jump back to a loop's header come before it, and
    /// those are dominated by the header.
    pub fn compute(&mut self, graph: &Graph) {
        self.idom.clear();
        self.depth.clear();
        self.idom.resize(graph.blocks.len(), Block::NONE);
        self.depth.resize(graph.blocks.len(), 0);
        let Some((&entry, rest)) = graph.layout.split_first() else { return };
        self.idom[entry.index()] = entry;
        for &block in rest {
            let mut idom = Block::NONE;
            for &edge in &graph.block(block).preds {
                let from = graph.edges[edge.index()].from;
                if self.idom[from.index()].is_none() {
                    continue;
                }
                idom = if idom.is_none() { from } else { self.common(idom, from, entry) };
            }
            self.idom[block.index()] = idom;
            self.depth[block.index()] = self.depth[idom.index()] + 1;
        }
    }

    /// The block nearest to two blocks that dominates both, or the entry if that is too far to look.
    pub fn common(&self, a: Block, b: Block, entry: Block) -> Block {
        let (mut a, mut b) = (a, b);
        for _ in 0..MAX_STEPS {
            if a == b {
                return a;
            }
            if self.depth(a) >= self.depth(b) {
                a = self.idom(a);
            } else {
                b = self.idom(b);
            }
        }
        entry
    }

    pub fn idom(&self, block: Block) -> Block {
        self.idom[block.index()]
    }
    pub fn depth(&self, block: Block) -> u32 {
        self.depth[block.index()]
    }
}
