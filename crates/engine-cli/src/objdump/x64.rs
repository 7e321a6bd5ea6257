//! x86-64 instructions as text, in Intel's syntax.

use super::listing::{Instruction, TARGET};
use super::tables;
use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Formatter as _, Instruction as Decoded, IntelFormatter, Mnemonic,
    OpKind, SymbolResolver, SymbolResult,
};

/// Writes [`TARGET`] wherever an instruction has a code address.
struct Marker;

impl SymbolResolver for Marker {
    fn symbol(
        &mut self,
        instruction: &Decoded,
        _operand: u32,
        _instruction_operand: Option<u32>,
        address: u64,
        _address_size: u32,
    ) -> Option<SymbolResult<'_>> {
        target(instruction).filter(|target| u64::from(*target) == address)?;
        Some(SymbolResult::with_str(address, TARGET))
    }
}

/// Where an instruction leads or what code address it takes, as an offset from the first byte.
fn target(instruction: &Decoded) -> Option<u32> {
    if instruction.op_count() > 0 && instruction.op0_kind() == OpKind::NearBranch64 {
        return u32::try_from(instruction.near_branch64()).ok();
    }
    if instruction.is_ip_rel_memory_operand() {
        return u32::try_from(instruction.ip_rel_memory_address()).ok();
    }
    None
}

/// Disassembles a function's code.
pub(super) fn disassemble(code: &[u8]) -> Vec<Instruction> {
    let mut formatter = IntelFormatter::with_options(Some(Box::new(Marker)), None);
    let options = formatter.options_mut();
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_uppercase_hex(false);
    options.set_small_hex_numbers_in_decimal(true);
    options.set_space_after_operand_separator(true);
    options.set_rip_relative_addresses(true);
    options.set_branch_leading_zeros(false);

    let mut decoder = Decoder::with_ip(64, code, 0, DecoderOptions::NONE);
    let mut instructions = Vec::new();
    // Where the constants begin that float operations refer to; nothing but constants follows.
    let mut constants = code.len() as u64;
    while decoder.can_decode() && decoder.ip() < constants {
        let decoded = decoder.decode();
        if decoded.is_ip_rel_memory_operand() && decoded.mnemonic() != Mnemonic::Lea {
            constants = constants.min(decoded.ip_rel_memory_address());
        }
        let mut text = String::new();
        formatter.format(&decoded, &mut text);
        instructions.push(Instruction {
            offset: decoded.ip() as u32,
            length: decoded.len() as u32,
            target: target(&decoded),
            text,
        });
        // A branch table follows the jump that goes through it, and its address was taken before.
        let next = decoded.next_ip() as u32;
        let recent = instructions.iter().rev().take(8);
        if decoded.flow_control() == FlowControl::IndirectBranch
            && recent.into_iter().any(|instruction| instruction.target == Some(next))
        {
            instructions.extend(tables::entries(code, next, &instructions));
            let end = instructions.last().map_or(next, |last| last.offset + last.length);
            decoder.set_ip(end.into());
            // The end is inside of the code.
            let _ = decoder.set_position(end as usize);
        }
    }
    for (i, bytes) in code[constants as usize..].chunks_exact(8).enumerate() {
        let bits = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
        let text = format!(".constant {bits:#x}");
        instructions.push(Instruction {
            offset: constants as u32 + 8 * i as u32,
            length: 8,
            target: None,
            text,
        });
    }
    instructions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_have_targets() {
        // je +2; push rbp; nop; ret
        let instructions = disassemble(&[0x74, 0x02, 0x55, 0x90, 0xc3]);
        let texts: Vec<String> = instructions.iter().map(|i| i.text.replace(TARGET, "T")).collect();
        assert_eq!(texts[1..], ["push rbp", "nop", "ret"]);
        assert_eq!(instructions[0].target, Some(4));
        assert!(texts[0].starts_with("je") && texts[0].ends_with('T'), "{}", texts[0]);
        assert_eq!(instructions[1].offset, 2);
    }
}
