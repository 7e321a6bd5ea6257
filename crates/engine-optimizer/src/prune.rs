//! An entry into a loop becomes the function's only entry.
//!
//! The graph was built with both. What only the function's own entry reaches goes, and with it predecessors and arguments. All loops around
//! the one that is entered become one with its header: every way into them leads through it now, and their own headers need not
//! dominate them any more. Other loops are as they were. If there are such loops, the graph need not be reducible afterwards (`Graph::irregular`).

use crate::ir::*;

impl Graph {
    /// Makes `entry`, which jumps to `header`, the only entry.
    pub fn enter_at(&mut self, entry: Block) {
        let Term::Jump(edge) = self.block(entry).term else { return };
        let header = self.target(edge);
        // Outside of all loops, those that are left are the source's.
        self.irregular = self.block(header).in_loop != NO_LOOP;
        self.unordered = true;
        self.order_from(entry);
        self.drop_edges();
        self.merge_loops(header);
    }

    /// Drops blocks that cannot be reached any more.
    pub fn drop_unreached(&mut self) {
        let Some(&entry) = self.layout.first() else { return };
        let mut reached = vec![false; self.blocks.len()];
        let mut work = vec![entry];
        while let Some(block) = work.pop() {
            if !core::mem::replace(&mut reached[block.index()], true) {
                work.extend(self.succs(block).map(|edge| self.edges[edge.index()].to));
            }
        }
        self.layout.retain(|block| reached[block.index()]);
        self.drop_edges();
        self.unordered = true;
    }

    /// The layout becomes a reverse postorder from `entry`, near to the old layout.
    fn order_from(&mut self, entry: Block) {
        let mut position = vec![u32::MAX; self.blocks.len()];
        for (i, &block) in self.layout.iter().enumerate() {
            position[block.index()] = i as u32;
        }
        let mut seen = vec![false; self.blocks.len()];
        let mut postorder = Vec::new();
        let mut work = vec![(entry, Vec::new(), false)];
        seen[entry.index()] = true;
        while let Some((block, successors, started)) = work.last_mut() {
            if !*started {
                // Those that came last are visited first, and so come last again.
                *successors = self.succs(*block).map(|edge| self.edges[edge.index()].to).collect();
                successors.sort_unstable_by_key(|to| position[to.index()]);
                *started = true;
            }
            match successors.pop() {
                Some(next) if !seen[next.index()] => {
                    seen[next.index()] = true;
                    work.push((next, Vec::new(), false));
                }
                Some(_) => {}
                None => {
                    postorder.push(*block);
                    work.pop();
                }
            }
        }
        postorder.reverse();
        self.layout = postorder;
    }

    /// Drops edges from blocks that are not in the layout, and their arguments. Parameters with one argument become that.
    fn drop_edges(&mut self) {
        let mut reached = vec![false; self.blocks.len()];
        for &block in &self.layout {
            reached[block.index()] = true;
        }
        for at in 0..self.layout.len() {
            let block = self.layout[at];
            let preds = core::mem::take(&mut self.blocks[block.index()].preds);
            let keep: Vec<bool> =
                preds.iter().map(|edge| reached[self.edges[edge.index()].from.index()]).collect();
            let params = core::mem::take(&mut self.blocks[block.index()].params);
            for &param in &params {
                let inst = self.inst(param);
                if inst.op != Op::Param {
                    continue;
                }
                let first = inst.args[1];
                let mut count = 0;
                for (i, _) in keep.iter().enumerate().filter(|(_, keep)| **keep) {
                    self.pool[(first + count) as usize] = self.pool[first as usize + i];
                    count += 1;
                }
                self.insts[param.index()].args[2] = count;
                if count == 1 {
                    let value = self.resolve(self.pool[first as usize]);
                    if value != param {
                        self.replace(param, value);
                    }
                }
            }
            let kept: Vec<Edge> =
                preds.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(&edge, _)| edge).collect();
            for (slot, edge) in kept.iter().enumerate() {
                self.edges[edge.index()].slot = slot as u32;
            }
            let data = &mut self.blocks[block.index()];
            data.preds = kept;
            data.params = params;
            data.params.retain(|param| self.insts[param.index()].op == Op::Param);
        }
    }

    fn merge_loops(&mut self, header: Block) {
        let inner = self.block(header).in_loop;
        let mut around = vec![false; self.loops.len()];
        let mut at = inner;
        while let Some(data) = self.loops.get(at as usize) {
            around[at as usize] = true;
            at = data.parent;
        }
        let merged = |index: u32| match around.get(index as usize) {
            Some(true) => inner,
            _ => index,
        };
        for block in &mut self.blocks {
            block.in_loop = merged(block.in_loop);
        }
        for (index, data) in self.loops.iter_mut().enumerate() {
            data.parent = if index as u32 == inner { NO_LOOP } else { merged(data.parent) };
            if index as u32 == inner {
                data.header = header;
            }
        }
        for index in 0..self.loops.len() {
            let mut depth = 0;
            let mut at = index as u32;
            while let Some(data) = self.loops.get(at as usize) {
                depth += 1;
                at = data.parent;
            }
            self.loops[index].depth = depth;
        }
    }
}
