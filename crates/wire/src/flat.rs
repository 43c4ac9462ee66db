//! Live ticks, one record a tick, and blocks of ticks: read field by field.
//!
//! At a million ticks a second the general reader's two allocations and dozen calls a field are most of the work, and of a
//! block's numbers those of `arrow-avro`. The records are flat, so reading them is a page; that it reads exactly what
//! `apache-avro` and `arrow-avro` read is a property test below. Only the versions named here are read so; any other goes
//! the general way.

use gauntlet_domain::market::{Quote, TickBlock, Trade};
use gauntlet_domain::{Event, Price, Quantity, RecordKind, Scale, Timestamp};

use crate::codec::{WireError, malformed};
use crate::columnar::check_tick_block;

/// Numbers of the versions of Quote that are read here: without a scale, with one, and with the recorder's time behind it.
const QUOTES: [u32; 3] = numbers(RecordKind::Quote);
/// The same of Trade.
const TRADES: [u32; 3] = numbers(RecordKind::Trade);

/// The same of TickBlock, which has no recorder's time.
const BLOCKS: [u32; 2] = numbers(RecordKind::TickBlock);

/// What the newer versions have at their end.
#[derive(Clone, Copy)]
struct Version {
    has_scale: bool,
    has_received: bool,
}

const fn numbers<const N: usize>(kind: RecordKind) -> [u32; N] {
    let (published, mut numbers, mut at) = (kind.published(), [0; N], 0);
    while at < N {
        numbers[at] = published[at].number;
        at += 1;
    }
    numbers
}

/// The version of a number among those of a record.
#[inline]
fn version<const N: usize>(numbers: [u32; N], number: u32) -> Option<Version> {
    let at = numbers.iter().position(|other| *other == number)?;
    Some(Version { has_scale: at >= 1, has_received: at >= 2 })
}

/// The event in the body of a live tick or of a block of ticks; `None` for any other version.
#[inline]
pub(crate) fn decode(number: u32, body: &[u8]) -> Option<Result<Event, WireError>> {
    if let Some(version) = version(QUOTES, number) {
        return Some(whole(RecordKind::Quote, body, |fields| quote(fields, version)));
    }
    if let Some(version) = version(TRADES, number) {
        return Some(whole(RecordKind::Trade, body, |fields| trade(fields, version)));
    }
    let version = version(BLOCKS, number)?;
    let read = whole(RecordKind::TickBlock, body, |fields| block(fields, version));
    Some(read.and_then(|event| match &event {
        Event::TickBlock(block) => match check_tick_block(block) {
            Ok(()) => Ok(event),
            Err(detail) => Err(malformed(RecordKind::TickBlock, detail)),
        },
        _ => Ok(event),
    }))
}

/// The event that is the whole of a body.
#[inline]
fn whole<T: Into<Event>>(
    kind: RecordKind,
    body: &[u8],
    read: impl FnOnce(&mut Fields<'_>) -> Result<T, &'static str>,
) -> Result<Event, WireError> {
    let mut fields = Fields { rest: body };
    match read(&mut fields) {
        Err(detail) => Err(malformed(kind, detail)),
        Ok(_) if !fields.rest.is_empty() => {
            Err(WireError::TrailingBytes { record: kind.name(), extra: fields.rest.len() })
        }
        Ok(event) => Ok(event.into()),
    }
}

#[inline]
fn quote(fields: &mut Fields<'_>, version: Version) -> Result<Quote, &'static str> {
    Ok(Quote {
        instrument: fields.string()?,
        source: fields.string()?,
        sequence: fields.long()?,
        time: Timestamp(fields.long()?),
        bid: Price(fields.long()?),
        ask: Price(fields.long()?),
        bid_size: fields.optional(Fields::long)?.map(Quantity),
        ask_size: fields.optional(Fields::long)?.map(Quantity),
        scale: fields.scale(version)?,
        received: fields.received(version)?,
    })
}

#[inline]
fn trade(fields: &mut Fields<'_>, version: Version) -> Result<Trade, &'static str> {
    Ok(Trade {
        instrument: fields.string()?,
        source: fields.string()?,
        sequence: fields.long()?,
        time: Timestamp(fields.long()?),
        price: Price(fields.long()?),
        size: Quantity(fields.long()?),
        side: fields.optional(Fields::string)?,
        scale: fields.scale(version)?,
        received: fields.received(version)?,
    })
}

fn block(fields: &mut Fields<'_>, version: Version) -> Result<TickBlock, &'static str> {
    Ok(TickBlock {
        instrument: fields.string()?,
        source: fields.string()?,
        block: fields.whole_long()?,
        rows: fields.longs()?,
        sequences: fields.longs()?,
        kinds: fields.bytes()?.to_vec(),
        times: fields.longs()?,
        prices: fields.longs()?,
        asks: fields.longs()?,
        sizes: fields.longs()?,
        ask_sizes: fields.longs()?,
        scale: fields.scale(version)?,
    })
}

/// What is left of a body. The encoding is that of the Avro specification, "binary encoding".
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// A variable-length zig-zag integer of at most 64 bits.
    #[inline]
    fn long(&mut self) -> Result<i64, &'static str> {
        let (mut bits, mut len) = (0_u64, 0);
        for byte in self.rest.iter().take(10) {
            bits |= u64::from(byte & 0x7f) << (7 * len);
            len += 1;
            if byte & 0x80 == 0 {
                self.rest = &self.rest[len..];
                return Ok((bits >> 1) as i64 ^ -((bits & 1) as i64));
            }
        }
        Err(if len < 10 { "the body ends inside a number" } else { "a number has more than 64 bits" })
    }

    /// As [`Fields::long`], where digits beyond 64 bits are refused and not dropped.
    #[inline]
    fn whole_long(&mut self) -> Result<i64, &'static str> {
        if self.rest.get(9).is_some_and(|last| *last > 1)
            && self.rest.iter().take(9).all(|byte| byte & 0x80 != 0)
        {
            return Err("a number has more than 64 bits");
        }
        self.long()
    }

    /// An array of numbers: runs, each behind its length, up to one of length zero. A negative length is followed by the
    /// run's length in bytes.
    fn longs(&mut self) -> Result<Vec<i64>, &'static str> {
        let mut values = Vec::new();
        loop {
            let count = self.whole_long()?;
            if count == 0 {
                return Ok(values);
            }
            if count < 0 && self.whole_long()? < 0 {
                return Err("a run of numbers has a negative length");
            }
            // Each number has a byte at least: no damaged length makes room for more than the body can hold.
            let count = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
            if count > self.rest.len() {
                return Err("the body ends inside a run of numbers");
            }
            values.reserve(count);
            for _ in 0..count {
                values.push(self.packed()?);
            }
        }
    }

    /// As [`Fields::whole_long`]: eight bytes at once, where so many are left.
    #[inline]
    fn packed(&mut self) -> Result<i64, &'static str> {
        const STOP: u64 = 0x8080_8080_8080_8080;
        let Some((head, tail)) = self.rest.split_first_chunk::<8>() else { return self.whole_long() };
        let word = u64::from_le_bytes(*head);
        let stops = !word & STOP;
        let (bits, rest) = if stops != 0 {
            // All up to the first byte whose highest bit is clear.
            let len = stops.trailing_zeros() as usize / 8 + 1;
            (digits(word & (u64::MAX >> (64 - 8 * len))), &self.rest[len..])
        } else {
            match *tail {
                [last @ ..0x80, ref rest @ ..] => (digits(word) | u64::from(last) << 56, rest),
                [ninth, last @ ..2, ref rest @ ..] => {
                    (digits(word) | u64::from(ninth & 0x7f) << 56 | u64::from(last) << 63, rest)
                }
                _ => return self.whole_long(),
            }
        };
        self.rest = rest;
        Ok((bits >> 1) as i64 ^ -((bits & 1) as i64))
    }

    /// Two exponents, where the version has them.
    #[inline]
    fn scale(&mut self, version: Version) -> Result<Scale, &'static str> {
        if !version.has_scale {
            return Ok(Scale::USUAL);
        }
        let mut exponent = || i32::try_from(self.long()?).map_err(|_| "an exponent has more than 32 bits");
        Scale::new(exponent()?, exponent()?).map_err(|_| "a scale is not known")
    }

    /// The recorder's time, where the version has one.
    #[inline]
    fn received(&mut self, version: Version) -> Result<Option<Timestamp>, &'static str> {
        if version.has_received { Ok(self.optional(Fields::long)?.map(Timestamp)) } else { Ok(None) }
    }

    /// Bytes behind their number.
    #[inline]
    fn bytes(&mut self) -> Result<&'a [u8], &'static str> {
        let len = usize::try_from(self.long()?).map_err(|_| "a text has a negative length")?;
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or("the body ends inside a text")?;
        self.rest = rest;
        Ok(bytes)
    }

    /// UTF-8 behind its length in bytes.
    #[inline]
    fn string(&mut self) -> Result<String, &'static str> {
        std::str::from_utf8(self.bytes()?).map(str::to_owned).map_err(|_| "a text is not UTF-8")
    }

    /// A union of null and something, in this order.
    #[inline]
    fn optional<T>(
        &mut self,
        read: impl Fn(&mut Self) -> Result<T, &'static str>,
    ) -> Result<Option<T>, &'static str> {
        match self.long()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err("a union has no such branch"),
        }
    }
}

/// The lower seven bits of eight bytes, side by side.
#[inline]
fn digits(word: u64) -> u64 {
    let pairs = (word & 0x007f_007f_007f_007f) | ((word & 0x7f00_7f00_7f00_7f00) >> 1);
    let fours = (pairs & 0x0000_3fff_0000_3fff) | ((pairs & 0x3fff_0000_3fff_0000) >> 2);
    (fours & 0x0000_0000_0fff_ffff) | ((fours & 0x0fff_ffff_0000_0000) >> 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Codec;
    use crate::codec::{HEADER_LEN, decode_generally};

    fn quotes() -> impl Strategy<Value = Event> {
        let sizes = (any::<Option<i64>>(), any::<Option<i64>>(), any::<Option<i64>>());
        let numbers = (any::<i64>(), any::<i64>(), any::<i64>(), any::<i64>());
        (".{0,20}", ".{0,70}", numbers, sizes).prop_map(
            |(instrument, source, (sequence, time, bid, ask), sizes)| {
                Quote {
                    instrument,
                    source,
                    sequence,
                    time: Timestamp(time),
                    bid: Price(bid),
                    ask: Price(ask),
                    bid_size: sizes.0.map(Quantity),
                    ask_size: sizes.1.map(Quantity),
                    scale: Scale { price_exponent: -(sequence.rem_euclid(19) as i32), ..Scale::USUAL },
                    received: sizes.2.map(Timestamp),
                }
                .into()
            },
        )
    }

    fn trades() -> impl Strategy<Value = Event> {
        let numbers = (any::<i64>(), any::<i64>(), any::<i64>(), any::<i64>());
        (".{0,20}", ".{0,70}", numbers, any::<Option<String>>(), any::<Option<i64>>()).prop_map(
            |(instrument, source, (sequence, time, price, size), side, received)| {
                Trade {
                    instrument,
                    source,
                    sequence,
                    time: Timestamp(time),
                    price: Price(price),
                    size: Quantity(size),
                    side,
                    scale: Scale { size_exponent: -(sequence.rem_euclid(19) as i32), ..Scale::USUAL },
                    received: received.map(Timestamp),
                }
                .into()
            },
        )
    }

    fn blocks() -> impl Strategy<Value = Event> {
        let long = || prop_oneof![any::<i64>(), -200..200_i64, (0..62_u32).prop_map(|bit| 1_i64 << bit)];
        let row = prop::array::uniform7(long());
        let flags = prop::array::uniform4(any::<bool>());
        (".{0,20}", ".{0,70}", long(), prop::collection::vec(row, 0..20), flags).prop_map(
            |(instrument, source, block, rows, [sequences, asks, sizes, ask_sizes])| {
                let column = |at: usize| rows.iter().map(|row| row[at]).collect::<Vec<i64>>();
                let optional = |has: bool, at: usize| if has { column(at) } else { Vec::new() };
                TickBlock {
                    instrument,
                    source,
                    block,
                    rows: column(0),
                    sequences: optional(sequences, 1),
                    kinds: rows.iter().map(|row| row[0] as u8).collect(),
                    times: column(2),
                    prices: column(3),
                    asks: optional(asks, 4),
                    sizes: optional(sizes, 5),
                    ask_sizes: optional(ask_sizes, 6),
                    scale: Scale { price_exponent: -(block.rem_euclid(19) as i32), ..Scale::USUAL },
                }
                .into()
            },
        )
    }

    fn body(event: &Event) -> Vec<u8> {
        Codec::default().encode(event).unwrap()[HEADER_LEN..].to_vec()
    }

    /// Both readers, with the schema of each version: the same event, or neither has one. Gives the events by version.
    fn assert_agree(kind: RecordKind, body: &[u8]) -> Result<Vec<Option<Event>>, TestCaseError> {
        let mut events = Vec::new();
        for version in kind.published() {
            let flat = decode(version.number, body).expect("every version is read here");
            let general = decode_generally(kind, version.number, body);
            prop_assert_eq!(flat.is_ok(), general.is_ok(), "{:?} and {:?}", &flat, &general);
            if let (Ok(flat), Ok(general)) = (&flat, general) {
                prop_assert_eq!(flat, &general);
            }
            events.push(flat.ok());
        }
        Ok(events)
    }

    /// The bodies of an event by version: each is the beginning of the next.
    fn bodies(event: &Event) -> Vec<Vec<u8>> {
        let (scale, received) = match event {
            Event::Quote(quote) => (quote.scale, Some(quote.received)),
            Event::Trade(trade) => (trade.scale, Some(trade.received)),
            Event::TickBlock(block) => (block.scale, None),
            other => panic!("{other:?} is not read here"),
        };
        let width = |value: i64| {
            let bits = ((value << 1) ^ (value >> 63)) as u64;
            (1..10).find(|bytes| bits >> (7 * bytes) == 0).unwrap_or(10)
        };
        let newest = body(event);
        // The branch of the union, and what is in it.
        let received = received.map(|received| 1 + received.map_or(0, |time| width(time.0)));
        let second = newest.len() - received.unwrap_or(0);
        let exponents = [scale.price_exponent, scale.size_exponent];
        let first = second - exponents.map(|exponent| width(exponent.into())).iter().sum::<usize>();
        let mut bodies = vec![newest[..first].to_vec(), newest[..second].to_vec()];
        bodies.extend(received.map(|_| newest));
        bodies
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_tick_or_a_block_is_read_as_the_library_reads_it(event in prop_oneof![quotes(), trades(), blocks()]) {
            for (at, body) in bodies(&event).iter().enumerate() {
                let mut event = event.clone();
                if let Event::Quote(Quote { received, .. }) | Event::Trade(Trade { received, .. }) = &mut event {
                    *received = received.filter(|_| at >= 2);
                }
                if at == 0 {
                    match &mut event {
                        Event::Quote(Quote { scale, .. }) | Event::Trade(Trade { scale, .. }) => *scale = Scale::USUAL,
                        Event::TickBlock(block) => block.scale = Scale::USUAL,
                        other => panic!("{other:?}"),
                    }
                }
                let read = assert_agree(event.kind(), body)?;
                prop_assert_eq!(read[at].as_ref(), Some(&event));
            }
        }

        #[test]
        fn a_damaged_one_is_refused_when_the_library_refuses_it(
            event in prop_oneof![quotes(), trades(), blocks()],
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            is_cut in any::<bool>(),
        ) {
            let mut body = body(&event);
            let at = at.index(body.len());
            if is_cut { body.truncate(at) } else { body[at] = byte }
            assert_agree(event.kind(), &body)?;
        }
    }

    #[test]
    fn runs_of_numbers_are_read_as_the_library_reads_them() {
        // No instrument, no source, block 0; then rows; no sequences, one kind; and one time and price.
        let with = |rows: &[u8]| {
            [&[0, 0, 0][..], rows, &[0, 2, 1], &[2, 8, 0], &[2, 10, 0], &[0, 0, 0], &[17, 15]].concat()
        };
        let read = |rows: &[u8]| decode(BLOCKS[1], &with(rows)).unwrap();
        let rows = |rows: &[u8]| match read(rows) {
            Ok(Event::TickBlock(block)) => block.rows,
            other => panic!("{other:?}"),
        };
        let widest = [&[2][..], &[0xff; 9], &[1, 0]].concat();
        for (given, expected) in [
            (&[2, 6, 0][..], 3),
            // A run with its length in bytes.
            (&[1, 2, 6, 0], 3),
            // With superfluous digits.
            (&[2, 0x86, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 0], 3),
            (&widest, i64::MIN),
        ] {
            assert_eq!(rows(given), [expected], "{given:?}");
            assert_agree(RecordKind::TickBlock, &with(given)).unwrap();
        }
        let too_wide = [&[2][..], &[0xff; 9], &[2, 0]].concat();
        let refused = |rows: &[u8]| read(rows).unwrap_err().to_string();
        for (given, expected) in [
            (&[4, 6, 8, 0][..], "columns differ in length"),
            (&[1, 1, 6, 0], "a run of numbers has a negative length"),
            (&[0xfe, 0x7f], "the body ends inside a run of numbers"),
            (&[0xff; 10], "a number has more than 64 bits"),
            (&too_wide, "a number has more than 64 bits"),
        ] {
            assert!(refused(given).contains(expected), "{}", refused(given));
            assert_agree(RecordKind::TickBlock, &with(given)).unwrap();
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = |body: &[u8]| decode(QUOTES[0], body).unwrap().unwrap_err().to_string();
        assert_eq!(wrong(b""), "body is not a Quote: the body ends inside a number");
        assert_eq!(wrong(b"\x08ab"), "body is not a Quote: the body ends inside a text");
        assert_eq!(wrong(b"\x02\xff"), "body is not a Quote: a text is not UTF-8");
        assert_eq!(wrong(&[0xff; 11]), "body is not a Quote: a number has more than 64 bits");
        let quote = body(
            &Quote {
                instrument: "A.B".into(),
                source: String::new(),
                sequence: 1,
                time: Timestamp(0),
                bid: Price(1),
                ask: Price(2),
                bid_size: None,
                ask_size: None,
                scale: Scale::USUAL,
                received: None,
            }
            .into(),
        );
        let trailing = [&quote[..], b"!!"].concat();
        assert_eq!(
            decode(QUOTES[2], &trailing),
            Some(Err(WireError::TrailingBytes { record: "Quote", extra: 2 }))
        );
        assert_eq!(decode(QUOTES[2] + 1_000, &quote), None);
    }
}
