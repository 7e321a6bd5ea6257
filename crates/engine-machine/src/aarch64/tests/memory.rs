//! Linear memory and tables.

use super::super::{v, x};
use super::{assemble, expect, same};
use crate::masm::{Address, ControlAsm, Load, MemoryAsm, Store};
use crate::{Place, TrapCode};

const BASE: Address = Address { base: x(27), index: Some(x(8)), offset: 0 };

#[test]
fn every_load_and_store() {
    expect(
        |asm| {
            for op in [
                Load::I32U8,
                Load::I32S8,
                Load::I32U16,
                Load::I32S16,
                Load::I32,
                Load::I64U8,
                Load::I64S8,
                Load::I64U16,
                Load::I64S16,
                Load::I64U32,
                Load::I64S32,
                Load::I64,
            ] {
                asm.load(op, x(9), BASE);
            }
            asm.load(Load::F32, v(24), BASE);
            asm.load(Load::F64, v(24), BASE);
            for op in [Store::I8, Store::I16, Store::I32, Store::I64] {
                asm.store(op, BASE, x(9));
            }
            asm.store(Store::F32, BASE, v(24));
            asm.store(Store::F64, BASE, v(24));
            asm.store_imm(Store::I16, BASE, 0);
            asm.store_imm(Store::I64, BASE, -1);
        },
        "
            ldrb w9, [x27, x8]
            ldrsb w9, [x27, x8]
            ldrh w9, [x27, x8]
            ldrsh w9, [x27, x8]
            ldr w9, [x27, x8]
            ldrb w9, [x27, x8]
            ldrsb x9, [x27, x8]
            ldrh w9, [x27, x8]
            ldrsh x9, [x27, x8]
            ldr w9, [x27, x8]
            ldrsw x9, [x27, x8]
            ldr x9, [x27, x8]
            ldr s24, [x27, x8]
            ldr d24, [x27, x8]
            strb w9, [x27, x8]
            strh w9, [x27, x8]
            str w9, [x27, x8]
            str x9, [x27, x8]
            str s24, [x27, x8]
            str d24, [x27, x8]
            strh wzr, [x27, x8]
            mov x16, #0xffffffffffffffff
            str x16, [x27, x8]",
    );
}

#[test]
fn the_site_is_the_access_itself() {
    let offsets = [4, 6, 255, 4096, 16380, 16384, 0x12345, 0x7fff_fffc];
    let code = assemble(false, |asm| {
        for offset in offsets {
            asm.load(Load::I32, x(9), Address { offset, ..BASE });
        }
        asm.load(Load::I32, x(9), Address { base: x(27), index: None, offset: 0x12345 });
        asm.store_imm(Store::I32, Address { offset: 0x12345, ..BASE }, 7);
    })
    .unwrap();
    let text = code.text();
    same(
        &text,
        "
        add x17, x27, x8
        ldr w9, [x17, #0x4]
        add x17, x27, x8
        ldur w9, [x17, #0x6]
        add x17, x27, x8
        ldur w9, [x17, #0xff]
        add x17, x27, x8
        ldr w9, [x17, #0x1000]
        add x17, x27, x8
        ldr w9, [x17, #0x3ffc]
        add x17, x8, #0x4, lsl #12
        ldr w9, [x27, x17]
        add x17, x8, #0x12, lsl #12
        add x17, x17, #0x345
        ldr w9, [x27, x17]
        mov w17, #0x7ffffffc
        add x17, x8, x17
        ldr w9, [x27, x17]
        mov w17, #0x2345
        movk w17, #0x1, lsl #16
        ldr w9, [x27, x17]
        mov w16, #0x7
        add x17, x8, #0x12, lsl #12
        add x17, x17, #0x345
        str w16, [x27, x17]",
    );
    let accesses: Vec<u32> =
        (0..text.len()).filter(|&i| text[i].contains('[')).map(|i| 4 * i as u32).collect();
    assert_eq!(
        code.traps(),
        accesses.iter().map(|&at| (at, TrapCode::MemoryOutOfBounds)).collect::<Vec<_>>()
    );
}

#[test]
fn bounds_checks() {
    let check = |offset, size, place, spectre| {
        let code = assemble(false, |asm| {
            asm.bounds_check(x(9), x(8), offset, size, place, spectre);
            asm.emit_pending_traps();
        })
        .unwrap();
        let text = code.text();
        assert_eq!(code.traps(), [(4 * (text.len() - 1) as u32, TrapCode::MemoryOutOfBounds)]);
        text
    };
    same(
        &check(0, 4, Place::Inline(48), true),
        "
        ldr x16, [x28, #0x38]
        add x9, x8, #0x4
        cmp x9, x16
        b.hi $+0x10
        sub x9, x9, #0x4
        csel x9, x9, xzr, ls
        csdb
        brk #0xc0de",
    );
    same(
        &check(0xffff_fff8, 16, Place::Indirect(48), false),
        "
        ldr x17, [x28, #0x30]
        ldr x16, [x17, #0x8]
        mov x17, #0x8
        movk x17, #0x1, lsl #32
        add x9, x8, x17
        cmp x9, x16
        b.hi $+0x8
        sub x9, x9, #0x10
        brk #0xc0de",
    );
}

#[test]
fn tables() {
    let entry = |place, spectre| {
        let code = assemble(false, |asm| {
            asm.table_entry(x(9), x(8), place, 5, spectre);
            asm.emit_pending_traps();
        })
        .unwrap();
        let text = code.text();
        assert_eq!(code.traps(), [(4 * (text.len() - 1) as u32, TrapCode::UndefinedElement)]);
        text
    };
    same(
        &entry(Place::Inline(48), true),
        "
        ldr x16, [x28, #0x38]
        cmp x8, x16
        b.hs $+0x14
        csel x9, x8, xzr, lo
        csdb
        ldr x16, [x28, #0x30]
        add x9, x16, x9, lsl #5
        brk #0xc0de",
    );
    same(
        &entry(Place::Indirect(0x1_0008), false),
        "
        add x17, x28, #0x10, lsl #12
        ldr x17, [x17, #0x8]
        ldr x16, [x17, #0x8]
        cmp x8, x16
        b.hs $+0x14
        add x17, x28, #0x10, lsl #12
        ldr x17, [x17, #0x8]
        ldr x16, [x17]
        add x9, x16, x8, lsl #5
        brk #0xc0de",
    );
}
