//! The dominator tree.

use crate::ir::*;

/// Immediate dominators and depths, by block. Of reachable blocks only.
#[derive(Default)]
pub(crate) struct Dominators {
    idom: Vec<Block>,
    /// Position in the layout.
    position: Vec<u32>,
    depth: Vec<u32>,
}

/// Steps that a search for a common dominator may take: then the entry, which dominates everything, is good enough.
const MAX_STEPS: u32 = 512;

impl Dominators {
    /// The algorithm of Cooper, Harvey and Kennedy ("A Simple, Fast Dominance Algorithm", 2001). In a graph with the loops of the source, one
    /// pass is enough: all predecessors of a block but those that jump back to a loop's header come before it, and those are dominated by it.
    pub fn compute(&mut self, graph: &Graph) {
        self.idom.clear();
        self.depth.clear();
        self.idom.resize(graph.blocks.len(), Block::NONE);
        self.depth.resize(graph.blocks.len(), 0);
        self.position.clear();
        self.position.resize(graph.blocks.len(), 0);
        for (position, &block) in graph.layout.iter().enumerate() {
            self.position[block.index()] = position as u32;
        }
        let Some((&entry, rest)) = graph.layout.split_first() else { return };
        self.idom[entry.index()] = entry;
        let mut changed = true;
        while core::mem::take(&mut changed) {
            for &block in rest {
                let mut idom = Block::NONE;
                for &edge in &graph.block(block).preds {
                    let from = graph.edges[edge.index()].from;
                    if !self.idom[from.index()].is_none() {
                        idom = if idom.is_none() { from } else { self.common(idom, from, entry) };
                    }
                }
                changed |= graph.irregular && self.idom[block.index()] != idom;
                self.idom[block.index()] = idom;
            }
        }
        for &block in rest {
            self.depth[block.index()] = self.depth[self.idom[block.index()].index()] + 1;
        }
    }

    /// The block nearest to two blocks that dominates both, or `otherwise`, which does too, if that is too far to look.
    pub fn common(&self, a: Block, b: Block, otherwise: Block) -> Block {
        let (mut a, mut b) = (a, b);
        for _ in 0..MAX_STEPS {
            if a == b {
                return a;
            }
            if self.position[a.index()] > self.position[b.index()] {
                a = self.idom(a);
            } else {
                b = self.idom(b);
            }
        }
        otherwise
    }

    pub fn idom(&self, block: Block) -> Block {
        self.idom[block.index()]
    }
    pub fn depth(&self, block: Block) -> u32 {
        self.depth[block.index()]
    }
}
