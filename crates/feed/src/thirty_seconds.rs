//! Prices of bonds in points and 32nds of a point.

use gauntlet_domain::decimal::parse_scaled;

use crate::numbers::Room;

/// `110-165`, `110'16.5`, `110-17+` in decimals; `None` for anything else.
pub(crate) fn thirty_seconds<'a>(text: &[u8], room: &'a mut Room) -> Option<&'a [u8]> {
    let mark = text.iter().position(|byte| matches!(byte, b'-' | b'\''))?;
    let (points, rest) = (&text[..mark], &text[mark + 1..]);
    if points.is_empty() || points.len() > 6 || rest.len() < 2 || !points.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (whole, part) = rest.split_at(2);
    let whole = parse_scaled(whole, 0).ok().filter(|whole| (0..32).contains(whole) && rest[0] != b'-')?;
    let eighths = match part {
        b"" | b"0" | b".0" => 0,
        b"2" | b".25" => 2,
        b"5" | b"+" | b".5" | b".50" => 4,
        b"7" | b".75" => 6,
        _ => return None,
    };
    // An eighth of a 32nd has eight decimals: 0.00390625.
    let fraction = (whole * 8 + eighths) * 390_625;
    let points = parse_scaled(points, 0).ok()?;
    let mut digits = [0; 18];
    let mut value = points * 100_000_000 + fraction;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
    room[..10].copy_from_slice(&digits[..10]);
    room[10] = b'.';
    room[11..19].copy_from_slice(&digits[10..]);
    Some(&room[..19])
}
