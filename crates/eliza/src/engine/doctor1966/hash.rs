//! The mid-square hash of the IBM 7094, which chooses one of the four memory transformations.

/// `bits` bits (at most 15) from the middle of the square of a 36-bit word, without its sign.
pub(super) fn mid_square(cell: u64, bits: u32) -> u64 {
    let magnitude = cell & ((1 << 35) - 1);
    let square = magnitude.wrapping_mul(magnitude);
    (square >> (35 - bits / 2)) & ((1 << bits) - 1)
}

/// The 36 bits of the last memory cell of a word. A cell has six characters of six bits.
pub(super) fn last_cell(word: &str) -> u64 {
    let last = word.as_bytes().chunks(6).next_back().unwrap_or_default();
    let padded = last.iter().chain(b"      ").take(6);
    padded.fold(0, |cell, &byte| cell << 6 | code(byte))
}

/// The six-bit code of a character. Characters without a code use their lowest six bits.
fn code(byte: u8) -> u64 {
    let place = CODES
        .iter()
        .position(|&known| known == byte && known != NO_CODE);
    place.map_or(u64::from(byte & 0o77), |place| place as u64)
}

/// Marks the codes in the table that no character has.
const NO_CODE: u8 = b'?';

/// The characters of the machine, in the order of their codes.
const CODES: &[u8; 64] = b"0123456789?='???+ABCDEFGHI?.)???-JKLMNOPQR?$*??? /STUVWXYZ?,(???";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, bits: u32, hash: u64) {
        assert_eq!(mid_square(last_cell(word), bits), hash, "{word}");
    }

    #[test]
    fn words_hash_as_on_the_ibm_7094() {
        check("ALWAYS", 7, 14);
        check("ALWAYS", 15, 0x70ee);
        for (word, hash) in [
            ("HERE", 3),
            ("KIDS", 1),
            ("TIME", 0),
            ("PURPOSE", 1),
            ("DEVONSHIRE", 0),
            ("PREDICAMENT", 3),
            ("EXECUTIONERS", 3),
            ("GLOUCESTERSHIRE", 2),
        ] {
            check(word, 2, hash);
        }
        assert_eq!(mid_square(0o777777777777, 7), 0x70);
        assert_eq!(mid_square(0o777777777777, 15), 0x7f00);
        assert_eq!(mid_square(0x5_5555_5555, 15), 0x46e3);
        for (word, hash) in [
            ("NOONE", 0),
            ("WIFE", 1),
            ("I", 2),
            ("BECAUSE", 3),
            ("MY", 8),
            ("YOU'RE", 11),
            ("YOU", 13),
            ("AM", 16),
            ("YOUR", 17),
            ("MYSELF", 19),
            ("I'M", 25),
            ("FATHER", 28),
            ("EVERYBODY", 31),
        ] {
            check(&word[..word.len().min(6)], 5, hash);
        }
    }

    #[test]
    fn every_character_has_the_code_of_the_table() {
        for (characters, first) in [
            ("01234567", 0o00),
            ("89", 0o10),
            ("='", 0o13),
            ("+ABCDEFG", 0o20),
            ("HI", 0o30),
            (".)", 0o33),
            ("-JKLMNOP", 0o40),
            ("QR", 0o50),
            ("$*", 0o53),
            (" /STUVWX", 0o60),
            ("YZ", 0o70),
            (",(", 0o73),
        ] {
            for (byte, expected) in characters.bytes().zip(first..) {
                assert_eq!(code(byte), expected, "{}", char::from(byte));
            }
        }
        assert_eq!(code(b'?'), 0o77);
        assert_eq!(code(0xe9), 0o51);
    }

    #[test]
    fn an_empty_word_is_a_cell_of_blanks() {
        assert_eq!(last_cell(""), 0o606060606060);
        assert_eq!(last_cell("INVENTED"), last_cell("ED"));
    }
}
