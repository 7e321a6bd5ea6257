//! Frames, branches, calls and traps.

use super::super::{Aarch64, v, x};
use super::{assemble, expect, same};
use crate::masm::{Cond, ControlAsm, IntegerAsm, Masm, Size};
use crate::{RelocTarget, RuntimeEntry, TrapCode};
use engine_decoder::FuncIndex;
use engine_decoder::ValKind::{I64, V128};

const NOP: u64 = 0xd503_201f;

#[test]
fn frames() {
    let frame = |bytes, params| {
        assemble(false, |asm| {
            let prologue = asm.prologue();
            asm.epilogue(params);
            asm.set_frame_size(prologue, bytes);
        })
        .unwrap()
        .text()
    };
    same(
        &frame(16, 0),
        "
        stp x29, x30, [sp, #-0x10]!
        mov x29, sp
        sub sp, sp, #0x10
        stur x28, [x29, #-0x8]
        mov sp, x29
        ldp x29, x30, [sp], #0x10
        ret",
    );
    same(
        &frame(4080, 480),
        "
        stp x29, x30, [sp, #-0x10]!
        mov x29, sp
        sub sp, sp, #0xff0
        stur x28, [x29, #-0x8]
        mov sp, x29
        ldp x29, x30, [sp], #0x1f0
        ret",
    );
    same(
        &frame(4096, 496),
        "
        stp x29, x30, [sp, #-0x10]!
        mov x29, sp
        b $+0x1c
        stur x28, [x29, #-0x8]
        mov sp, x29
        ldp x29, x30, [sp], #0x10
        add sp, sp, #0x1f0
        ret
        b $+0xc
        sub sp, sp, #0x1, lsl #12
        b $-0x1c",
    );
    same(
        &frame(0x123_4560, 16000),
        "
        stp x29, x30, [sp, #-0x10]!
        mov x29, sp
        b $+0x20
        stur x28, [x29, #-0x8]
        mov sp, x29
        ldp x29, x30, [sp], #0x10
        add sp, sp, #0x3, lsl #12
        add sp, sp, #0xe80
        ret
        b $+0x14
        mov x17, #0xffffffffffffbaa0
        movk x17, #0xfedc, lsl #16
        add sp, sp, x17
        b $-0x28",
    );
}

#[test]
fn stack_check_traps_when_lower_or_same() {
    let code = assemble(false, |asm| {
        asm.stack_check(TrapCode::StackOverflow);
        asm.emit_pending_traps();
    })
    .unwrap();
    same(
        &code.text(),
        "
        ldr x16, [x28]
        ldr x16, [x16]
        cmp sp, x16
        b.ls $+0x4
        brk #0xc0de",
    );
    assert_eq!(code.traps(), [(16, TrapCode::StackOverflow)]);
}

#[test]
fn calls_record_their_return_address() {
    let code = assemble(false, |asm| {
        asm.push_area(32);
        asm.store_area(I64, 8, x(8));
        asm.store_area(V128, 16, v(24));
        asm.call_function(FuncIndex(7));
        asm.call_register(x(9));
        asm.call_runtime(RuntimeEntry::MemoryGrow);
    })
    .unwrap();
    same(
        &code.text(),
        "
        sub sp, sp, #0x20
        str x8, [sp, #0x8]
        str q24, [sp, #0x10]
        bl $+0x0
        blr x9
        ldr x16, [x28, #0x10]
        ldr x16, [x16]
        blr x16",
    );
    assert_eq!(code.relocations, [(12, RelocTarget::Function(FuncIndex(7)))]);
    assert_eq!(code.sites.iter().map(|site| site.offset).collect::<Vec<_>>(), [16, 20, 32]);
    assert!(code.traps().is_empty());
}

#[test]
fn traps_go_after_the_body() {
    let code = assemble(false, |asm| {
        asm.trap_if(Cond::GtU, TrapCode::BadSignature);
        asm.trap(TrapCode::Unreachable);
        asm.emit_pending_traps();
    })
    .unwrap();
    same(
        &code.text(),
        "
        b.hi $+0x8
        brk #0xc0de
        brk #0xc0de",
    );
    assert_eq!(code.traps(), [(4, TrapCode::Unreachable), (8, TrapCode::BadSignature)]);
}

/// A conditional branch forwards over, and one backwards to before, `words` instructions.
fn around(asm: &mut Aarch64, words: u32) {
    let (start, end) = (asm.emitter().new_label(), asm.emitter().new_label());
    asm.emitter().bind(start);
    asm.branch(Cond::Eq, end);
    for _ in 0..words {
        asm.emitter().put(NOP, 4);
    }
    asm.branch(Cond::LtU, start);
    asm.emitter().bind(end);
}

#[test]
fn near_branches() {
    expect(
        |asm| around(asm, 1),
        "
        b.eq $+0xc
        nop
        b.lo $-0x8",
    );
}

#[test]
fn far_branches_go_over_an_unconditional_one() {
    let text = assemble(true, |asm| around(asm, 1)).unwrap().text();
    same(
        &text,
        "
        b.ne $+0x8
        b $+0xc
        nop
        b.lo $-0xc",
    );
    // A bound label is known to be in reach or not.
    let text = assemble(true, |asm| around(asm, 1 << 19)).unwrap().text();
    same(
        &text[..2],
        "
        b.ne $+0x8
        b $+0x20000c",
    );
    same(
        &text[text.len() - 2..],
        "
        b.hs $+0x8
        b $-0x20000c",
    );
}

#[test]
fn a_near_branch_out_of_reach_refuses_the_function() {
    // The longest branch skips the others: 2^18 - 1 words.
    let reach = (1 << 18) - 3;
    assert!(assemble(false, |asm| around(asm, reach)).is_some());
    assert!(assemble(false, |asm| around(asm, reach + 1)).is_none());
}

#[test]
fn jump_tables_hold_distances_from_their_entries_ends() {
    let code = assemble(false, |asm| {
        let (before, after) = (asm.emitter().new_label(), asm.emitter().new_label());
        asm.emitter().bind(before);
        asm.jump_table(x(8), &[before, after, before]);
        asm.emitter().bind(after);
        asm.mov_imm(Size::S32, x(8), 0);
    })
    .unwrap();
    let (instructions, table) = code.bytes.split_at(24);
    let text: Vec<_> = super::decode(instructions).iter().map(ToString::to_string).collect();
    same(
        &text,
        "
        adr x16, $+0x18
        csdb
        add x16, x16, x8, lsl #2
        ldrsw x17, [x16], #0x4
        add x16, x16, x17
        br x16",
    );
    let entries: Vec<i32> =
        table.chunks(4).take(3).map(|entry| i32::from_le_bytes(entry.try_into().unwrap())).collect();
    assert_eq!(entries, [-28, 4, -36]);
}
